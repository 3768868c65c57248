"""`lbrouter run`: the daemon in the foreground."""

import asyncio

from lbrouter.cli.settings import CommandSettings


def run(settings: CommandSettings) -> int:
    """Until SIGTERM or SIGINT; what stands in the kernel stays there."""
    from lbrouter.daemon.app import serve  # noqa: PLC0415  -- not yet for `--help`
    from lbrouter.model.paths import Paths  # noqa: PLC0415

    places = Paths(
        config=settings.config, state_dir=settings.state_dir, runtime_dir=settings.runtime_dir
    )
    return asyncio.run(serve(places))
