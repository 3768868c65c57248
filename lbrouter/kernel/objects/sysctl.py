"""Settings below /proc/sys, of the network namespace of the calling thread.

/proc/sys/net shows the namespace of the process that opens the file: no path names one.
"""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from lbrouter.kernel.refusals import operation_error
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel_state import Sysctl
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.plan import Operation

PROC_SYS: Final = Path("/proc/sys")


def observe(paths: Iterable[str]) -> frozenset[Sysctl]:
    """Those of `paths` that this kernel has; a missing interface or module has none."""
    values = ((path, _read(path)) for path in paths)
    return frozenset(Sysctl(path=path, value=value) for path, value in values if value is not None)


def execute(operation: Operation) -> None:
    """Set the new value and read it back; removing does nothing, since a setting cannot go away."""
    setting = operation.new
    if not isinstance(setting, Sysctl):
        return
    try:
        _write(setting)
    except OSError as error:
        # A path that does not exist is a feature that this kernel lacks.
        absent = error.errno == errno.ENOENT
        code = errno.EOPNOTSUPP if absent else error.errno or errno.EIO
        raise operation_error(operation, code) from error
    held = _read(setting.path)
    if held != _normalise(setting.value):
        raise NotAppliedError(
            phrase(
                "Setting {path} was set to {value} but reads {held}.",
                path=setting.path,
                value=repr(setting.value),
                held=repr(held),
            )
        )


@contextmanager
def temporarily_set(path: str, value: str) -> Iterator[None]:
    """The setting is `value` inside the block and as before after it, where it exists at all."""
    before = _read(path)
    if before is None or before == value:
        yield
        return
    _write(Sysctl(path=path, value=value))
    try:
        yield
    finally:
        with suppress(OSError):
            _write(Sysctl(path=path, value=before))


def _read(path: str) -> str | None:
    try:
        return _normalise((PROC_SYS / path).read_text())
    except OSError:
        return None


def _write(setting: Sysctl) -> None:
    with (PROC_SYS / setting.path).open("w") as file:
        file.write(setting.value)


def _normalise(value: str) -> str:
    """As a person writes it: read back, a list is separated by tabs."""
    return " ".join(value.split())
