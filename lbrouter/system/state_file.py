"""`StateFile`: a value of one type in a file of JSON with a version, decoded by pydantic.

All that lbrouter keeps between two processes is in such files, below /var/lib and /run. A file of
the landed version, which named none, is read as well, and written anew by its owner.
"""

import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from lbrouter.model.errors import LbrouterError
from lbrouter.model.messages.phrase import phrase
from lbrouter.system.saved_file import DamagedFileError, DamageReport, SavedFile

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

STATE_FILE_VERSION: Final = 1
LANDED_VERSION: Final = 0
"""That of a file without a version: its keys are the same."""


class StateFile(Generic[T]):
    """A value of type `shape`, a dataclass of plain types; `durable` as in `SavedFile`."""

    def __init__(self, path: Path, shape: type[T], *, durable: bool) -> None:
        self._file = SavedFile(path, durable=durable)
        self._shape: Any = shape
        self._version = STATE_FILE_VERSION

    def load(self, report: DamageReport) -> T | None:
        """The value; None where there is none, or none that can be read, which is reported."""
        return self._file.read(self._decode, report)

    def load_owned(self, report: DamageReport) -> T | None:
        """As `load`, for the owner of the file: one of the landed version is written anew.

        A disk that does not take it changes nothing: it can be read again.
        """
        found = self.load(report)
        if found is not None and self._version < STATE_FILE_VERSION:
            with suppress(LbrouterError):
                self.save(found)
        return found

    def save(self, value: T) -> None:
        """Replace the value. Raises NotAppliedError or NotPermittedError."""
        fields: dict[str, Any] = _adapter(self._shape).dump_python(value, mode="json")
        document = {"version": STATE_FILE_VERSION, **fields}
        self._file.write(f"{json.dumps(document, indent=2, sort_keys=True)}\n".encode())

    def remove(self) -> None:
        """Remove the file and its previous copy. Raises OSError."""
        self._file.remove()

    def _decode(self, payload: bytes) -> T:
        try:
            document = json.loads(payload)
        except (ValueError, RecursionError) as error:  # no text, no JSON, or brackets without end
            raise DamagedFileError("is damaged") from error
        if not isinstance(document, dict):
            raise DamagedFileError("is damaged")
        version = document.pop("version", LANDED_VERSION)
        if version not in (LANDED_VERSION, STATE_FILE_VERSION):
            raise DamagedFileError(
                phrase("is of another version of lbrouter ({version})", version=repr(version))
            )
        from pydantic import ValidationError  # noqa: PLC0415  -- as in `_adapter`

        try:
            found: T = _adapter(self._shape).validate_python(document)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise DamagedFileError(
                phrase("is damaged ({where}: {reason})", where=where, reason=first["msg"])
            ) from error
        self._version = version
        return found


@cache
def _adapter(shape: Any) -> "TypeAdapter[Any]":
    """Made once a process, and only where there is a file: some milliseconds."""
    # Here: the process that waits for a deadline has nothing else to import it for, and whoever
    # starts that process waits until it is there.
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter(shape)
