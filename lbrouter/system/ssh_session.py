"""The SSH session that a process was started in, and the user who logged in there.

Read from /proc, of the process or of a parent of it: sudo hides the variable of the session.
"""

import os
import pwd
from pathlib import Path
from typing import Final

SSH_VARIABLE: Final = "SSH_CONNECTION"
MAX_PARENTS: Final = 20
NO_LOGIN_UID: Final = 0xFFFFFFFF
"""What /proc/PID/loginuid says where no person has logged in."""


def ssh_connection(pid: int) -> str:
    """The value of SSH_CONNECTION for the process; "" where it is in no session."""
    for _ in range(MAX_PARENTS):
        found = variable_of(pid, SSH_VARIABLE)
        if found:
            return found
        pid = _parent_of(pid)
        if pid <= 1:
            break
    return ""


def login_name(pid: int, uid: int) -> str:
    """The user who logged in, whatever sudo made of him since; else the user `uid`."""
    try:
        login = int(Path(f"/proc/{pid}/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        login = NO_LOGIN_UID
    return _user_name(uid if login == NO_LOGIN_UID else login)


def variable_of(pid: int, name: str) -> str:
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


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _parent_of(pid: int) -> int:
    """The parent's number, 0 where there is none. proc(5): after the name in parentheses."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])
