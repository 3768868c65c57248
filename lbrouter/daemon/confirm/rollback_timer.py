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
from lbrouter.daemon.confirm.pending_commit import Moment, Waiting
from lbrouter.model.errors import LbrouterError, NotAppliedError
from lbrouter.services.process import under_systemd

LOOK_S: Final = 1.0
"""How often the record is looked for: a confirmation ends the process within this time."""

RETRY_S: Final = 0.5
PATIENCE_S: Final = 3600.0
"""A rollback that is refused is tried again for this long; the next start of anything goes on."""


async def start(state_dir: Path, runtime_dir: Path, ident: str) -> None:
    """Start the process for record `ident`; it is on its own when this returns.

    Raises NotAppliedError when it cannot be started: then nothing may be changed.
    """
    words = [*map(os.path.abspath, (state_dir, runtime_dir)), ident]
    argv = [sys.executable, "-P", "-m", "lbrouter.daemon.confirm.rollback_timer"]
    if under_systemd() and await _run([*_unit(ident), *argv, "stay", *words]) == 0:
        return
    code = await _run([*argv, "leave", *words])
    if code:
        raise NotAppliedError(f"The process that would undo the change did not start ({code}).")


def _unit(ident: str) -> list[str]:
    return [
        *("systemd-run", "--quiet", "--collect", f"--unit=lbrouter-confirm-{ident}"),
        *("--description=Undo of an unconfirmed lbrouter apply", f"--setenv=PYTHONPATH={_home()}"),
    ]


async def _run(argv: list[str]) -> int:
    """Exit code of a command that starts something which stays, 127 where there is none."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": _home()},
        )
    except OSError:
        return 127
    return await process.wait()


def _home() -> str:
    """Where this very package lies, installed or in a checkout."""
    return str(Path(lbrouter.__file__).parent.parent)


async def watch(state_dir: Path, runtime_dir: Path, ident: str) -> None:
    """Wait for the deadline of record `ident`, then undo, again and again until it is done."""
    waiting = Waiting(state_dir=state_dir, runtime_dir=runtime_dir)
    gives_up = None
    while (record := waiting.read()) is not None and record.id == ident:
        now = Moment.now()
        if left := record.left(now):
            await asyncio.sleep(min(left, LOOK_S))
            continue
        gives_up = gives_up or now.seconds + PATIENCE_S
        if now.seconds > gives_up:
            return
        try:
            await _undo(state_dir, runtime_dir, ident)
        except LbrouterError as error:
            print(f"not undone yet: {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(RETRY_S)


async def _undo(state_dir: Path, runtime_dir: Path, ident: str) -> None:
    """By the daemon where one runs, else under the lock."""
    # Here, not above: for a minute of waiting nothing but the clock is needed.
    from lbrouter.daemon.applier import Machine  # noqa: PLC0415
    from lbrouter.daemon.confirm.commit_confirm import Trial  # noqa: PLC0415
    from lbrouter.daemon.control import client  # noqa: PLC0415
    from lbrouter.kernel.backend import LinuxKernel  # noqa: PLC0415
    from lbrouter.kernel.storage.lock import hold  # noqa: PLC0415

    if await client.ask(runtime_dir, {"verb": "rollback", "id": ident}) is not None:
        return
    with hold(runtime_dir):
        async with LinuxKernel() as kernel:
            await Trial(Machine(kernel, state_dir=state_dir, runtime_dir=runtime_dir)).settle()


def main(argv: list[str]) -> None:
    """`leave` or `stay`, then the directories and the record: leave says that it goes on alone."""
    how, state_dir, runtime_dir, ident = argv
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if how == "leave" and os.fork():
        os._exit(0)  # whoever started us is told that we stand
    asyncio.run(watch(Path(state_dir), Path(runtime_dir), ident))


if __name__ == "__main__":
    main(sys.argv[1:])
