"""`lbrouter confirm`: what was applied on trial stays."""

import typer

from lbrouter.cli.output.render import print_success
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.daemon.control_socket import blocking_client
from lbrouter.model.messages.phrase import phrase


def confirm(context: typer.Context, *, json: JsonOption = False) -> int:
    """Keep the change that waits for confirmation."""
    # NotAppliedError (75) when nothing waits, or when it was undone already.
    settings = settings_of(context, json=json)
    handed = blocking_client.ask(settings.runtime_dir, {"verb": "confirm"})
    if handed is None:
        from lbrouter.cli.without_daemon import confirm_here  # noqa: PLC0415  -- 400 ms to load

        handed = {"kept": confirm_here(settings)}
    return print_success(settings, phrase("confirmed: {kept}", kept=handed["kept"]), handed)
