"""The pending commit, on disk: written before the first change, removed after the last.

The clock is CLOCK_BOOTTIME, which no change of the date moves and no suspend stops; it starts at
zero with every boot, so the record names the boot that it belongs to. After a reboot a record is
always overdue: a person who could not confirm before the reboot cannot confirm after it.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.system.saved_file import DamageReport, SavedFile
from lbrouter.system.state_file import StateFile

PENDING_COMMIT_FILE: Final = "pending.json"
REJECTED_DIGEST_FILE: Final = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCommit:
    """A configuration that waits for confirmation; `old` is the one to go back to, or None."""

    id: str
    boot: str
    deadline: float
    """Seconds of CLOCK_BOOTTIME."""
    old: str | None
    new: str
    source: str
    """What messages call the new one: the path that was applied."""
    undoes: str = ""
    """Digest of the file that no start may apply any more, once this one is confirmed; or ""."""

    @staticmethod
    def start(
        *,
        within_s: float,
        old: bytes | None,
        new: bytes,
        source: str,
        ident: str = "",
        undoes: str = "",
    ) -> "PendingCommit":
        """A record whose time starts now; `ident` is that of the record it replaces, if any."""
        now = BootTime.now()
        return PendingCommit(
            id=ident or os.urandom(6).hex(),
            boot=now.boot,
            deadline=now.seconds + within_s,
            old=None if old is None else old.decode(),
            new=new.decode(),
            source=source,
            undoes=undoes,
        )

    def with_new_deadline(self, *, within_s: float) -> "PendingCommit":
        """The same record, its time starting now."""
        return replace(self, deadline=BootTime.now().seconds + within_s)

    def remaining_s(self, now: BootTime) -> float:
        """Seconds that are left to confirm, 0 when it is overdue."""
        return max(0.0, self.deadline - now.seconds) if self.boot == now.boot else 0.0


class PendingCommitStore:
    """The record, in the state directory (over a reboot), with a copy in the runtime directory.

    The copy is used where the state directory is lost or damaged. It is written last and removed
    first, so that it never outlives the other.
    """

    def __init__(self, *, state_dir: Path, runtime_dir: Path, report: DamageReport) -> None:
        self._files = tuple(
            StateFile(directory / PENDING_COMMIT_FILE, PendingCommit, durable=True)
            for directory in (state_dir, runtime_dir)
        )
        self._rejected_file = SavedFile(state_dir / REJECTED_DIGEST_FILE, durable=True)
        self._report = report

    def read(self) -> PendingCommit | None:
        """The pending commit, None where there is none."""
        return next(filter(None, (file.load(self._report) for file in self._files)), None)

    def write(self, record: PendingCommit) -> None:
        """Write `record` to disk, replacing an earlier one. Raises LbrouterError."""
        for file in self._files:
            file.save(record)

    def clear(self) -> None:
        """No commit is pending."""
        for file in reversed(self._files):
            file.remove()

    def restore(self, record: PendingCommit | None) -> None:
        """Restore the record from before an apply that failed."""
        if record is None:
            self.clear()
        else:
            self.write(record)

    def remaining_s(self) -> float | None:
        """Seconds that are left to confirm, None where no commit is pending."""
        record = self.read()
        return None if record is None else record.remaining_s(BootTime.now())

    def rejected_digest(self) -> str:
        """Digest of the file that was rolled back last, so that no boot applies it again; or ""."""
        return self._rejected_file.read(bytes.decode, self._report) or ""

    def reject(self, digest: str) -> None:
        """Remember that the file with `digest` was rolled back. A full disk stops no rollback."""
        with suppress(Exception):
            self._rejected_file.write(digest.encode())

    def clear_rejected(self) -> None:
        """A person applied something: what was rejected before no longer counts."""
        self._rejected_file.remove()
