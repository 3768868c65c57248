"""The process that undoes what nobody confirmed, though the terminal, or the daemon, is gone.

It belongs to nobody: a transient unit where systemd runs this machine, else a session of its own
whose parent has ended. It waits for the deadline of one record and goes away when that is gone.
With a daemon running it asks the daemon, which is the only writer then.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

import lbrouter
from lbrouter.daemon.confirm.pending_commit import BootTime, PendingCommitStore
from lbrouter.model.errors import LbrouterError, NotAppliedError
from lbrouter.services.process import under_systemd

ROLLBACK_POLL_INTERVAL_S: Final = 1.0
"""How often the record is looked for: a confirmation ends the process within this time."""

ROLLBACK_RETRY_INTERVAL_S: Final = 0.5
ROLLBACK_GIVE_UP_S: Final = 3600.0
"""A rollback that is refused is tried again for this long; the next start of anything goes on."""


async def start(state_dir: Path, runtime_dir: Path, ident: str) -> None:
    """Start the process for record `ident`; it is on its own when this returns.

    Raises NotAppliedError when it cannot be started: then nothing may be changed.
    """
    words = [*map(os.path.abspath, (state_dir, runtime_dir)), ident]
    argv = [sys.executable, "-P", "-m", "lbrouter.daemon.confirm.rollback_timer"]
    if under_systemd() and await _spawn([*_systemd_run_argv(ident), *argv, "stay", *words]) == 0:
        return
    code = await _spawn([*argv, "leave", *words])
    if code:
        raise NotAppliedError(f"The process that would undo the change did not start ({code}).")


def _systemd_run_argv(ident: str) -> list[str]:
    return [
        *("systemd-run", "--quiet", "--collect", f"--unit=lbrouter-confirm-{ident}"),
        *(
            "--description=Undo of an unconfirmed lbrouter apply",
            f"--setenv=PYTHONPATH={_package_parent()}",
        ),
    ]


async def _spawn(argv: list[str]) -> int:
    """Exit code of a command that starts something which stays, 127 where there is none."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": _package_parent()},
        )
    except OSError:
        return 127
    return await process.wait()


def _package_parent() -> str:
    """Where this very package lies, installed or in a checkout."""
    return str(Path(lbrouter.__file__).parent.parent)


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
