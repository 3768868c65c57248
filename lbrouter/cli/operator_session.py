"""The SSH session that a command runs in, which an apply must not cut."""

import os
from pathlib import Path
from typing import Final

from lbrouter.compile.firewall.ssh_session import parse_ssh_connection

SSH_VARIABLE: Final = "SSH_CONNECTION"
MAX_PARENTS: Final = 20


def ssh_connection() -> str:
    """$SSH_CONNECTION of this process or of a parent, for sudo hides it; "" for no session."""
    pid = os.getpid()
    for _ in range(MAX_PARENTS):
        text = _variable_of(pid, SSH_VARIABLE)
        if parse_ssh_connection(text) is not None:
            return text
        pid = _parent_of(pid)
        if pid <= 1:
            break
    return ""


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
