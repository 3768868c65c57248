"""The SSH session that a command runs in, and a refusal to cut it."""

import os
from pathlib import Path
from typing import Final

from lbrouter.cli.context import build_applier
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.firewall.operator_session import (
    OperatorSession,
    parse_ssh_connection,
    session_cut_reason,
)
from lbrouter.compile.state.desired import observation_scope
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.phrase import as_phrase, phrase

SSH_VARIABLE: Final = "SSH_CONNECTION"
MAX_PARENTS: Final = 20


async def refuse_to_cut_session(settings: CommandSettings, file: ConfigFile) -> None:
    """Raise NotAppliedError where an apply of `file` would cut the SSH session of this command."""
    session = operator_session()
    if session is None:
        return
    async with LinuxKernel() as kernel:
        applier = build_applier(settings, kernel)
        facts = await kernel.facts(observation_scope(file.config, KernelState()))
        facts = applier.lease_store.facts_with_leases(file.config, facts)
    reason = session_cut_reason(file.config, facts, session)
    if reason:
        raise NotAppliedError(
            phrase(
                "Not applied: this would cut your own SSH session. {reason}.",
                reason=as_phrase(reason),
            ),
            remedy="Use `lbrouter apply --confirm-within 60s`: it is undone if you do not confirm.",
        )


def operator_session() -> OperatorSession | None:
    """The session that this process or a parent of it was started in; sudo hides the variable."""
    pid = os.getpid()
    for _ in range(MAX_PARENTS):
        session = parse_ssh_connection(_variable_of(pid, SSH_VARIABLE))
        if session is not None:
            return session
        pid = _parent_of(pid)
        if pid <= 1:
            break
    return None


def _variable_of(pid: int, name: str) -> str:
    """A variable of a process's environment; "" where there is none, or it may not be read."""
    try:
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    prefix = f"{name}=".encode()
    values = (
        os.fsdecode(entry.removeprefix(prefix)) for entry in entries if entry.startswith(prefix)
    )
    return next(values, "")


def _parent_of(pid: int) -> int:
    """The parent's number, 0 where there is none. proc(5): after the name in parentheses."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])
