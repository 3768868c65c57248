"""One writer at a time: an flock, which the kernel releases when the process ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lbrouter.model.errors import LbrouterError, NotAppliedError, NotPermittedError
from lbrouter.model.messages.os_errors import os_error_text
from lbrouter.model.messages.phrase import phrase


@contextmanager
def exclusive_lock(runtime_dir: Path) -> Iterator[None]:
    """Hold `runtime_dir`/lock inside the block, creating the directory (0755) if need be.

    Does not wait: NotAppliedError names the process that holds it. NotPermittedError where the
    directory cannot be written.
    """
    file = runtime_dir / "lock"
    try:
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise _unusable_error(file, error) from error
    try:
        _acquire(descriptor, file)
        yield
    finally:
        os.close(descriptor)


def lock_holder(runtime_dir: Path) -> str:
    """The number of the process that took the lock last, as text; "" where that is not known."""
    try:
        return (runtime_dir / "lock").read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _acquire(descriptor: int, file: Path) -> None:
    """The pid in the file is for people; the lock itself is the flock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        raise NotAppliedError(
            phrase(
                "Another lbrouter runs already (process {holder} holds {file}).",
                holder=holder or phrase("unknown"),
                file=file,
            ),
            remedy="Wait until it ends, or use another --runtime-dir.",
        ) from error
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise _unusable_error(file, error) from error


def _unusable_error(file: Path, error: OSError) -> LbrouterError:
    reason = phrase(
        "The lock {file} cannot be used: {reason}.", file=file, reason=os_error_text(error)
    )
    if isinstance(error, PermissionError):
        return NotPermittedError(reason, remedy="Run it as root, or choose another --runtime-dir.")
    return NotAppliedError(reason, remedy="Free the disk or choose another --runtime-dir.")
