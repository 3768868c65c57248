"""The process that undoes an unconfirmed commit; `python -m` starts it (see `rollback_timer`).

It waits for the deadline of one record and goes away when that is gone. With a daemon running it
asks the daemon, which is the only writer then.
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

ROLLBACK_POLL_INTERVAL_S: Final = 1.0
"""How often the record is looked for: a confirmation ends the process within this time."""

ROLLBACK_RETRY_INTERVAL_S: Final = 0.5
ROLLBACK_GIVE_UP_S: Final = 3600.0
"""A rollback that is refused is tried again for this long; the next start of anything goes on."""


async def roll_back_at_deadline(state_dir: Path, runtime_dir: Path, ident: str) -> None:
    """Wait for the deadline of record `ident`, then undo, again and again until it is done."""
    waiting = PendingCommitStore(state_dir=state_dir, runtime_dir=runtime_dir)
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
            print(f"not undone yet: {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(ROLLBACK_RETRY_INTERVAL_S)


async def _roll_back(state_dir: Path, runtime_dir: Path, ident: str) -> None:
    """By the daemon where one runs, else under the lock."""
    # Here, not above: for a minute of waiting nothing but the clock is needed.
    from lbrouter.daemon.applier import Applier  # noqa: PLC0415
    from lbrouter.daemon.confirm.commit_confirm import CommitConfirm  # noqa: PLC0415
    from lbrouter.daemon.control_socket import client  # noqa: PLC0415
    from lbrouter.kernel.backend import LinuxKernel  # noqa: PLC0415
    from lbrouter.kernel.storage.lock import exclusive_lock  # noqa: PLC0415

    if await client.ask(runtime_dir, {"verb": "rollback", "id": ident}) is not None:
        return
    with exclusive_lock(runtime_dir):
        async with LinuxKernel() as kernel:
            await CommitConfirm(
                Applier(kernel, state_dir=state_dir, runtime_dir=runtime_dir)
            ).roll_back_overdue()


def main(argv: list[str]) -> None:
    """`leave` or `stay`, then the directories and the record: leave says that it goes on alone."""
    how, state_dir, runtime_dir, ident = argv
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if how == "leave" and os.fork():
        os._exit(0)  # whoever started us is told that we stand
    asyncio.run(roll_back_at_deadline(Path(state_dir), Path(runtime_dir), ident))


if __name__ == "__main__":
    main(sys.argv[1:])
