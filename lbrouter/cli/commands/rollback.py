"""`lbrouter rollback`: back to what stood before, without waiting for the time to run out."""

import typer

from lbrouter.cli.output.change_report import ChangeReport
from lbrouter.cli.output.render import print_diagnostics
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.daemon.confirm.nothing_pending import NOTHING_PENDING
from lbrouter.daemon.control_socket import blocking_client
from lbrouter.model.messages.phrase import phrase


def rollback(context: typer.Context, *, json: JsonOption = False) -> int:
    """Undo at once the change that waits for confirmation."""
    # Nothing to do when nothing waits.
    settings = settings_of(context, json=json)
    report = ChangeReport(phrase("rolled back"), settings)
    handed = blocking_client.ask(settings.runtime_dir, {"verb": "rollback"})
    if handed is None:
        from lbrouter.cli.without_daemon import roll_back_here  # noqa: PLC0415  -- 400 ms to load

        undone = roll_back_here(settings, report)
    else:
        report.print_changes(handed["changes"])
        undone = bool(handed["undone"])
    if not undone:
        print_diagnostics("note", (NOTHING_PENDING,))
    return report.finish()
