"""Checks of the alerts."""

from collections.abc import Iterator

from lbrouter.compile.config.checks.names import duplicates
from lbrouter.compile.config.diagnostics import Diagnostic
from lbrouter.model.config import Config


def errors(config: Config) -> Iterator[Diagnostic]:
    """Alert channels that contradict each other; a command that would be looked up in PATH."""
    alerts = config.alerts
    if alerts is None:
        return
    yield from duplicates([str(kind) for kind in alerts.on], ("alerts", "on"))
    if alerts.webhook is not None and alerts.webhook_file is not None:
        yield Diagnostic(
            path=("alerts", "webhook_file"),
            value=alerts.webhook_file,
            reason="names a second URL beside webhook",
            accepted="one of webhook and webhook_file",
            depends_on=(("alerts", "webhook"),),
        )
    if alerts.command and not alerts.command[0].startswith("/"):
        yield Diagnostic(
            path=("alerts", "command", 0),
            value=alerts.command[0],
            reason="is not an absolute path",
            accepted='an absolute path, "/usr/local/bin/notify"',
        )


def warnings(config: Config) -> Iterator[Diagnostic]:
    """Alerts that have no receiver."""
    alerts = config.alerts
    if alerts is not None and not (alerts.webhook or alerts.webhook_file or alerts.command):
        yield Diagnostic(
            path=("alerts",),
            reason="has no receiver",
            accepted="a webhook, a webhook_file or a command",
        )
