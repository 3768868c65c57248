"""The configurations that were applied, or refused: who, when, and what became of each.

The texts are files of their own in the state directory, for root alone, by their digest. A disk
that does not take a record stops no apply: the record is missing then, and that is reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from lbrouter.daemon.config_file import digest
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.model.errors import LbrouterError
from lbrouter.model.messages.operator import Operator
from lbrouter.system import atomic_file
from lbrouter.system.saved_file import DamageReport
from lbrouter.system.state_file import StateFile

CONFIG_HISTORY_FILE: Final = "configs.json"
CONFIG_TEXTS_DIRECTORY: Final = "configs"

CONFIGS_KEPT: Final = 50
"""Records; texts that no record names are removed."""

MAX_OUTCOME_CHARS: Final = 500


class ConfigOutcome(StrEnum):
    """What became of a configuration."""

    APPLIED = "applied"
    TRIAL = "trial"
    KEPT = "kept"
    UNDONE = "undone"
    REFUSED = "refused"


GOOD_OUTCOMES: Final = frozenset({ConfigOutcome.APPLIED, ConfigOutcome.KEPT})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRecord:
    """One configuration. `at` is RFC 3339 in UTC, `reason` why it was refused or undone."""

    at: str
    digest: str
    by: Operator
    source: str
    outcome: ConfigOutcome
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedConfigHistory:
    """configs.json: the records, oldest first."""

    records: tuple[ConfigRecord, ...] = ()


class ConfigHistory:
    """The records and texts of one state directory. The caller holds the lock where it writes."""

    def __init__(self, state_dir: Path, report: DamageReport) -> None:
        self._index = StateFile(state_dir / CONFIG_HISTORY_FILE, SavedConfigHistory, durable=True)
        self._texts = state_dir / CONFIG_TEXTS_DIRECTORY
        self._report = report

    def records(self) -> tuple[ConfigRecord, ...]:
        """All records, oldest first."""
        return (self._index.load(self._report) or SavedConfigHistory()).records

    def text(self, name: str) -> bytes | None:
        """The text of the configuration with this digest; None where it is not there, or damaged.

        Raises OSError where it cannot be read.
        """
        found = atomic_file.read_bytes(self._path(name))
        return found if found is not None and digest(found) == name else None

    def add(
        self, text: bytes, source: str, by: Operator, outcome: ConfigOutcome, reason: str = ""
    ) -> None:
        """A configuration came. One that is in force already is not noted again."""
        known, name = self.records(), digest(text)
        if outcome is ConfigOutcome.APPLIED and is_last_good(known, name):
            return
        record = ConfigRecord(
            at=utc_timestamp(precision="seconds"),
            digest=name,
            by=by,
            source=source,
            outcome=outcome,
            reason=reason[:MAX_OUTCOME_CHARS],
        )
        if outcome is ConfigOutcome.TRIAL:
            known = tuple(map(_replaced_trial, known))
        self._write((*known, record), name, text)

    def close_trial(self, outcome: ConfigOutcome, reason: str = "") -> None:
        """What became of the trial that is open; nothing where none is."""
        known = self.records()
        closed = tuple(
            replace(record, outcome=outcome, reason=reason[:MAX_OUTCOME_CHARS])
            if record.outcome is ConfigOutcome.TRIAL
            else record
            for record in known
        )
        if closed != known:
            self._write(closed)

    def _write(self, records: Sequence[ConfigRecord], name: str = "", text: bytes = b"") -> None:
        kept = tuple(records[-CONFIGS_KEPT:])
        try:
            if name:
                self._texts.mkdir(mode=0o700, parents=True, exist_ok=True)
                atomic_file.replace(self._path(name), text, durable=True)
            self._index.save(SavedConfigHistory(records=kept))
            named = {self._path(record.digest) for record in kept}
            for old in set(self._texts.glob("*.toml")) - named:
                old.unlink(missing_ok=True)
        except (OSError, LbrouterError) as error:
            self._report(f"The list of configurations is not complete: {error}")

    def _path(self, name: str) -> Path:
        return self._texts / f"{name.removeprefix('sha256:')}.toml"


def _replaced_trial(record: ConfigRecord) -> ConfigRecord:
    """A trial ends where another one begins before it was confirmed."""
    if record.outcome is not ConfigOutcome.TRIAL:
        return record
    return replace(record, outcome=ConfigOutcome.UNDONE, reason="another trial took its place")


def is_last_good(records: Sequence[ConfigRecord], name: str) -> bool:
    """Whether `name` is the digest of the newest configuration that was applied or kept."""
    good = [record.digest for record in records if record.outcome in GOOD_OUTCOMES]
    return bool(good) and good[-1] == name
