"""Files that survive a crash at any byte: written aside, synced, renamed, the previous one kept.

Each file opens with a comment line that carries the SHA-256 of the rest, so that a damaged one is
told from a good one, and the previous copy (".1") takes its place.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from lbrouter.model.errors import LbrouterError, NotAppliedError, NotPermittedError

CHECKSUM_PREFIX: Final = b"# sha256:"
"""A comment in TOML, in nft and, since we strip it before reading, in JSON as well."""

DISK_RESERVE_BYTES: Final = 256 * 1024
"""What must fit on the disk before a change begins: several times all that an apply writes."""


def write(file: Path, payload: bytes) -> None:
    """Replace `file` by `payload`; the old file becomes `file`.1 if it was undamaged.

    Raises NotAppliedError or NotPermittedError; the old file then stays.
    """
    aside = file.with_name(file.name + ".new")
    with _translate_os_errors(file.parent):
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _write_synced(aside, _with_checksum(payload))
        if _read_verified(file) is not None:
            file.replace(backup_path(file))
        aside.replace(file)
        _sync_directory(file.parent)


def read(file: Path) -> tuple[bytes | None, str]:
    """The payload of `file`, or of its previous copy, or None; and a warning, or ""."""
    if (payload := _read_verified(file)) is not None:
        return payload, ""
    damaged = file.exists()
    if (payload := _read_verified(backup_path(file))) is not None:
        fault = "is damaged" if damaged else "is missing"
        return payload, f"{file} {fault}: its previous copy is used."
    return None, f"{file} is damaged and has no previous copy: it is ignored." if damaged else ""


def backup_path(file: Path) -> Path:
    """Where the copy before the last write is kept."""
    return file.with_name(file.name + ".1")


def require_free_space(directory: Path) -> None:
    """Write and sync a reserve and give it back: a full disk shows before the first change."""
    aside = directory / f".room.{os.getpid()}"
    with _translate_os_errors(directory):
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            _write_synced(aside, bytes(DISK_RESERVE_BYTES))
        finally:
            aside.unlink(missing_ok=True)


@contextmanager
def _translate_os_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable_error(directory, error) from error


def _unwritable_error(directory: Path, error: OSError) -> LbrouterError:
    reason = f"The state directory {directory} cannot be written: {error.strerror}."
    if isinstance(error, PermissionError):
        return NotPermittedError(reason, remedy="Run it as root, or choose another --state-dir.")
    return NotAppliedError(reason, remedy="Free the disk, or choose another --state-dir.")


def _with_checksum(payload: bytes) -> bytes:
    return CHECKSUM_PREFIX + sha256(payload).hexdigest().encode() + b"\n" + payload


def _read_verified(file: Path) -> bytes | None:
    try:
        text = file.read_bytes()
    except OSError:
        return None
    payload = text.partition(b"\n")[2]
    return payload if text == _with_checksum(payload) else None


def _write_synced(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
