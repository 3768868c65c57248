"""`lbrouter run`: the daemon in the foreground."""

import typer

from lbrouter.cli import daemon_process
from lbrouter.cli.beside_daemon import refuse_beside_daemon
from lbrouter.cli.screen_language import screen_language
from lbrouter.cli.settings import settings_of
from lbrouter.model.paths import Paths


def run(context: typer.Context) -> int:
    """Run the daemon in the foreground: it applies, probes, fails over and repairs."""
    settings = settings_of(context, json=False)
    paths = Paths(
        config=settings.config, state_dir=settings.state_dir, runtime_dir=settings.runtime_dir
    )
    refuse_beside_daemon(settings, "run")
    daemon_process.replace_this_process(paths, screen_language(), json=settings.json)
