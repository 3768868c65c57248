"""A file that holds a secret: a password, a key, the URL of a webhook. Read if it is root's alone.

The same is asked of all of them: a plain file, owned by root (or the user that runs this), that no
other user and no group but root's can read or change. What is read is what was looked at.
"""

import os
import stat
from pathlib import Path
from typing import Final

from lbrouter.model.messages.phrase import phrase

MAX_SECRET_FILE_BYTES: Final = 4096
ROOT_ID: Final = 0


class UnsafeSecretFileError(ValueError):
    """The file is not for root alone; `reason` says why, and what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_secret_file(file: Path) -> bytes:
    """Its first `MAX_SECRET_FILE_BYTES`. Raises OSError, UnsafeSecretFileError."""
    # A pipe that stands in its place must not hold up the daemon.
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as opened:
        if wrong := _access_error(file, os.fstat(descriptor)):
            raise UnsafeSecretFileError(wrong)
        return opened.read(MAX_SECRET_FILE_BYTES)


def _access_error(file: Path, found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        return phrase("it is not a plain file")
    if found.st_uid not in (ROOT_ID, os.geteuid()):
        return phrase(
            "it belongs to another user (number {user}); chown root {file} and chmod 600 {file}",
            user=found.st_uid,
            file=file,
        )
    group = 0 if found.st_gid == ROOT_ID else stat.S_IRGRP | stat.S_IWGRP
    if found.st_mode & (stat.S_IROTH | stat.S_IWOTH | group):
        return phrase(
            "other users of this machine can read or change it; chmod 600 {file}", file=file
        )
    return ""
