"""What `measure` and `rehearse` found last, for `precheck`: kept in the state directory."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from lbrouter.compile.diagnosis.precheck_facts import LineMeasurement, RehearsalResult
from lbrouter.model.errors import LbrouterError
from lbrouter.system.saved_file import DamageReport
from lbrouter.system.state_file import StateFile

CHECK_RESULTS_FILE: Final = "checks.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResults:
    """checks.json: measurements by uplink, and the last rehearsal."""

    measurements: Mapping[str, LineMeasurement] = field(default_factory=dict)
    rehearsal: RehearsalResult | None = None


class CheckResultStore:
    """The results of one state directory. What cannot be kept is missing at the next precheck."""

    def __init__(self, state_dir: Path, report: DamageReport) -> None:
        self._file = StateFile(state_dir / CHECK_RESULTS_FILE, CheckResults, durable=False)
        self._report = report

    def load(self) -> CheckResults:
        """What is known; nothing where it cannot be read."""
        with suppress(OSError):
            return self._file.load(self._report) or CheckResults()
        return CheckResults()

    def save_measurement(self, uplink: str, measured: LineMeasurement) -> None:
        """Keep what was measured of an uplink."""
        known = self.load()
        self._save(replace(known, measurements={**known.measurements, uplink: measured}))

    def save_rehearsal(self, result: RehearsalResult) -> None:
        """Keep how a rehearsal ended."""
        self._save(replace(self.load(), rehearsal=result))

    def _save(self, results: CheckResults) -> None:
        with suppress(LbrouterError, OSError):  # `measure` by a user without rights, a full disk
            self._file.save(results)
