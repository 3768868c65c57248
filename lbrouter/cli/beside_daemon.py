"""Verbs that must not run while a daemon does: it would put back what they change."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from lbrouter.cli.settings import CommandSettings
from lbrouter.daemon.control_socket import blocking_client
from lbrouter.kernel.storage.lock import lock_holder
from lbrouter.model.errors import NotAppliedError, NotPermittedError
from lbrouter.model.messages.phrase import phrase

PING_TIMEOUT_S: Final = 2.0
UNIT: Final = "lbrouter.service"


def refuse_beside_daemon(settings: CommandSettings, verb: str) -> None:
    """Raise NotAppliedError where a daemon runs; it says how to end it."""
    answer: object = True  # one that listens and does not answer runs as well
    with suppress(NotAppliedError, NotPermittedError):
        answer = blocking_client.ask(
            settings.runtime_dir, {"verb": "ping"}, timeout_s=PING_TIMEOUT_S
        )
    if answer is None:
        return
    pid = lock_holder(settings.runtime_dir)
    raise NotAppliedError(
        phrase(
            "`lbrouter {verb}` cannot run while the daemon runs (process {pid}).",
            verb=verb,
            pid=pid or phrase("unknown"),
        ),
        remedy=phrase("Stop it first: {command}", command=_stop_command(pid)),
    )


def _stop_command(pid: str) -> str:
    """What ends the daemon: its unit is started again by systemd if only the process is ended."""
    with suppress(OSError):
        if UNIT in Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii", errors="replace"):
            return "systemctl stop lbrouter"
    return f"kill {pid}" if pid else "systemctl stop lbrouter"
