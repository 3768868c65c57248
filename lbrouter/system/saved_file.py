"""`SavedFile`: a durable file of bytes, and the one place where damage is found and reported.

A file is damaged where its checksum does not agree, or where its reader finds it wrong. Then the
previous copy is read, a person is told, and what was in it is kept beside it, as `.damaged`.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from lbrouter.model.messages.os_errors import os_error_text
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.system import atomic_file

T = TypeVar("T")

DamageReport = Callable[[str], object]
"""Takes a sentence for a person: which file, what is wrong with it, what is used instead."""


class DamagedFileError(ValueError):
    """The content of a file is wrong; the text says what is."""


class SavedFile:
    """One file; with `durable` synced, with a checksum and a previous copy.

    The same damage is reported once by one object: a daemon may read a file twice a second.
    """

    def __init__(self, path: Path, *, durable: bool) -> None:
        self.path = path
        self._durable = durable
        self._reported = ""

    def read(self, parse: Callable[[bytes], T], report: DamageReport) -> T | None:
        """The content as `parse` understands it, which raises DamagedFileError; else the previous
        copy's; else None. Damage goes to `report`, and is never raised.
        """
        found, fault = self._read_one(self.path, parse)
        if found is not None:
            self._reported = ""
            return found
        if not self._durable:
            self._tell(report, fault, phrase("it is ignored"))
            return None
        previous, other_fault = self._read_one(atomic_file.backup_path(self.path), parse)
        if previous is not None:
            self._tell(report, fault or phrase("is missing"), phrase("its previous copy is used"))
        elif fault or other_fault:
            self._tell(
                report,
                fault or phrase("is missing"),
                phrase("there is no good previous copy, it is ignored"),
            )
        return previous

    def write(self, payload: bytes) -> None:
        """Replace it. Raises NotAppliedError or NotPermittedError; the old file then stays."""
        if self._durable:
            atomic_file.write(self.path, payload)
            return
        with atomic_file.translate_os_errors(self.path.parent):
            self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            atomic_file.replace(self.path, payload)

    def remove(self) -> None:
        """Remove it and its previous copy. Raises OSError."""
        atomic_file.remove(self.path)

    def _read_one(self, path: Path, parse: Callable[[bytes], T]) -> tuple[T | None, str]:
        """What is in one file, or what is wrong with it; None and "" where it is not there."""
        try:
            content = atomic_file.read_bytes(path)
        except OSError as error:
            return None, phrase("cannot be read ({reason})", reason=os_error_text(error))
        if content is None:
            return None, ""
        payload = atomic_file.verified_payload(content) if self._durable else content
        if payload is None:
            _keep_damaged(path, content)
            return None, phrase("is damaged")
        try:
            return parse(payload), ""
        except DamagedFileError as error:
            _keep_damaged(path, content)
            return None, str(error)

    def _tell(self, report: DamageReport, fault: str, consequence: str) -> None:
        words = {"fault": as_phrase(fault), "consequence": as_phrase(consequence)}
        said = phrase("{path} {fault}: {consequence}.", path=self.path, **words) if fault else ""
        if said and said != self._reported:
            report(said)
        self._reported = said


def _keep_damaged(path: Path, content: bytes) -> None:
    """One copy, for a person to look at: the next write replaces the file itself."""
    copy = path.with_name(f"{path.name}.damaged")
    with suppress(OSError):
        if atomic_file.read_bytes(copy) != content:
            atomic_file.replace(copy, content)
