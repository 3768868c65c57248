"""Files that are there whole or not at all: written aside, for root alone, and renamed.

`replace` is the one way to write such a file. `write` is for those that must survive a crash at any
byte: synced, the previous one kept, and with a first line that carries the SHA-256 of the rest. So
a damaged file is told from a good one, and the previous copy (".1") takes its place.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from lbrouter.model.errors import NotAppliedError, NotPermittedError
from lbrouter.model.messages.os_errors import os_error_text
from lbrouter.model.messages.phrase import phrase

CHECKSUM_PREFIX: Final = b"# sha256:"
"""A comment in TOML, in nft and, since we strip it before reading, in JSON as well."""

FILE_MODE: Final = 0o600
"""Leases, alerts and configurations are for root alone, whatever the umask is."""

OTHERS_MODE: Final = 0o077

DISK_RESERVE_BYTES: Final = 256 * 1024
"""What must fit on the disk before a change begins: several times all that an apply writes."""


def replace(file: Path, content: bytes, *, durable: bool = False) -> None:
    """Replace `file`, which has `FILE_MODE` from its first byte on; `durable`: synced to the disk.

    Raises OSError; the old file then stays.
    """
    _write_aside(file, content, durable=durable)
    _aside_path(file).replace(file)
    if durable:
        _sync_directory(file.parent)


def write(file: Path, payload: bytes) -> None:
    """Replace `file` by `payload`, durably; the old file becomes `file`.1 if it was undamaged.

    Raises NotAppliedError or NotPermittedError; the old file then stays.
    """
    with translate_os_errors(file.parent):
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _write_aside(file, _with_checksum(payload), durable=True)
        old = read_bytes(file)
        if old is not None and verified_payload(old) is not None:
            file.chmod(FILE_MODE)  # an earlier release, or a person, may have left it open
            file.replace(backup_path(file))
        _aside_path(file).replace(file)
        _sync_directory(file.parent)


def create_private(file: Path) -> None:
    """Make `file`, empty, where it is not there, for a program that then opens it itself; one that
    is there is closed to others. Raises OSError.
    """
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE))
    if file.stat().st_mode & OTHERS_MODE:
        file.chmod(FILE_MODE)


def close_to_others(directory: Path) -> None:
    """Take all rights of others from the files below `directory`: an earlier release, or a copy by
    hand, may have left some. What cannot be changed stays as it is.
    """
    for file in directory.rglob("*"):
        with suppress(OSError):
            found = file.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_mode & OTHERS_MODE:
                file.chmod(FILE_MODE)


def remove(file: Path) -> None:
    """Remove a file. Its previous copy goes first, or it would be read in its place.

    Raises OSError.
    """
    backup_path(file).unlink(missing_ok=True)
    file.unlink(missing_ok=True)


def backup_path(file: Path) -> Path:
    """Where the copy before the last write is kept."""
    return file.with_name(file.name + ".1")


def read_bytes(file: Path) -> bytes | None:
    """The whole file, None where it is not there. Raises OSError where it cannot be read."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def verified_payload(content: bytes) -> bytes | None:
    """What follows the checksum; None where that does not agree."""
    payload = content.partition(b"\n")[2]
    return payload if content == _with_checksum(payload) else None


def require_free_space(directory: Path) -> None:
    """Write and sync a reserve and give it back: a full disk shows before the first change."""
    aside = directory / f".room.{os.getpid()}"
    with translate_os_errors(directory):
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            _write_new(aside, bytes(DISK_RESERVE_BYTES), durable=True)
        finally:
            aside.unlink(missing_ok=True)


@contextmanager
def translate_os_errors(directory: Path) -> Iterator[None]:
    """Within the block an OSError becomes NotPermittedError or NotAppliedError."""
    try:
        yield
    except OSError as error:
        reason = phrase(
            "The state directory {directory} cannot be written: {reason}.",
            directory=directory,
            reason=os_error_text(error),
        )
        if isinstance(error, PermissionError):
            remedy = "Run it as root, or choose another --state-dir."
            raise NotPermittedError(reason, remedy=remedy) from error
        remedy = "Free the disk, or choose another --state-dir."
        raise NotAppliedError(reason, remedy=remedy) from error


def _with_checksum(payload: bytes) -> bytes:
    return CHECKSUM_PREFIX + sha256(payload).hexdigest().encode() + b"\n" + payload


def _aside_path(file: Path) -> Path:
    return file.with_name(file.name + ".new")


def _write_aside(file: Path, content: bytes, *, durable: bool) -> None:
    """Write the file that will take the place of `file`; nothing is left where that fails."""
    aside = _aside_path(file)
    aside.unlink(missing_ok=True)
    try:
        _write_new(aside, content, durable=durable)
    except OSError:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def _write_new(file: Path, content: bytes, *, durable: bool) -> None:
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(opened, "wb") as stream:
        stream.write(content)
        if durable:
            stream.flush()
            os.fsync(opened)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
