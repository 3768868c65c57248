"""Starts the process that undoes an unconfirmed commit, also when the terminal or the daemon ends.

It is a transient unit where systemd runs this machine, else a session of its own whose parent has
ended. The process itself is `rollback_process`.
"""

import asyncio
import os
import sys
from pathlib import Path

import lbrouter
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.messages.phrase import phrase
from lbrouter.services.systemd import under_systemd


async def start(state_dir: Path, runtime_dir: Path, ident: str) -> None:
    """Start the process for record `ident`; it runs independently when this returns.

    Raises NotAppliedError when it cannot be started: then nothing may be changed.
    """
    words = [*map(os.path.abspath, (state_dir, runtime_dir)), ident]
    argv = [sys.executable, "-P", "-m", "lbrouter.daemon.confirm.rollback_process"]
    if under_systemd() and await _spawn([*_systemd_run_argv(ident), *argv, "stay", *words]) == 0:
        return
    code = await _spawn([*argv, "leave", *words])
    if code:
        raise NotAppliedError(
            phrase("The process that would undo the change did not start ({code}).", code=code)
        )


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
    """The directory of this package, installed or in a checkout."""
    return str(Path(lbrouter.__file__).parent.parent)
