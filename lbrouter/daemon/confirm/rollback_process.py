"""The process that undoes an unconfirmed commit; `python -m` starts it (see `rollback_timer`).

It waits for the deadline of one record and ends when the record is removed. Where a daemon runs,
it asks the daemon to roll back, since only the daemon writes then.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

from lbrouter.daemon.confirm.pending_commit import PendingCommitStore
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.errors import LbrouterError
from lbrouter.model.messages.phrase import phrase

ROLLBACK_POLL_INTERVAL_S: Final = 1.0
"""How often the record is looked for: a confirmation ends the process within this time."""

ROLLBACK_RETRY_INTERVAL_S: Final = 0.5
ROLLBACK_GIVE_UP_S: Final = 3600.0
"""A refused rollback is tried again for this long; after that, the next start tries again."""


async def roll_back_at_deadline(state_dir: Path, runtime_dir: Path, ident: str) -> None:
    """Wait for the deadline of record `ident`, then undo, repeatedly until it succeeds."""
    waiting = PendingCommitStore(
        state_dir=state_dir, runtime_dir=runtime_dir, report=_print_diagnostic
    )
    gives_up = None
    while (record := waiting.read()) is not None and record.id == ident:
        now = BootTime.now()
        if left := record.remaining_s(now):
            await asyncio.sleep(min(left, ROLLBACK_POLL_INTERVAL_S))
            continue
        gives_up = gives_up or now.seconds + ROLLBACK_GIVE_UP_S
        if now.seconds > gives_up:
            return
        try:
            await _roll_back(state_dir, runtime_dir, ident)
        except LbrouterError as error:
            _print_diagnostic(phrase("not undone yet: {error}", error=error))
            await asyncio.sleep(ROLLBACK_RETRY_INTERVAL_S)


async def _roll_back(state_dir: Path, runtime_dir: Path, ident: str) -> None:
    """Roll back by the daemon where one runs, else under the lock."""
    # Imported here: the minutes of waiting need nothing but the clock, so the process stays small.
    from lbrouter.daemon.applier import Applier  # noqa: PLC0415
    from lbrouter.daemon.confirm.commit_confirm import CommitConfirm  # noqa: PLC0415
    from lbrouter.daemon.control_socket import client  # noqa: PLC0415
    from lbrouter.kernel.backend import LinuxKernel  # noqa: PLC0415
    from lbrouter.kernel.storage.lock import exclusive_lock  # noqa: PLC0415

    if (
        await client.ask(runtime_dir, {"verb": "rollback", "id": ident, "by": {"name": "lbrouter"}})
        is not None
    ):
        return
    with exclusive_lock(runtime_dir):
        async with LinuxKernel() as kernel:
            await CommitConfirm(
                Applier(kernel, state_dir=state_dir, runtime_dir=runtime_dir)
            ).roll_back_overdue()


def _print_diagnostic(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(argv: list[str]) -> None:
    """`leave` or `stay`, then the directories and the record: `leave` goes on in a child."""
    how, state_dir, runtime_dir, ident = argv
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if how == "leave" and os.fork():
        os._exit(0)  # tells the parent that the child runs
    asyncio.run(roll_back_at_deadline(Path(state_dir), Path(runtime_dir), ident))


if __name__ == "__main__":
    main(sys.argv[1:])
