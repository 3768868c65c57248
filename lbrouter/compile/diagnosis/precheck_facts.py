"""What `lbrouter precheck` judges: all of it is measured or counted, nothing is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lbrouter.compile.report.status_types import Status
from lbrouter.compile.services.pool_usage import PoolUsage
from lbrouter.model.config import Config
from lbrouter.model.timeline import TimelineEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFinding:
    """One line of `doctor` that is not fine. `fatal`: lbrouter cannot do without it."""

    subject: str
    found: str
    fatal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LineMeasurement:
    """What `lbrouter measure` found of an uplink, in bits per second; None where it failed."""

    at: str
    upload_bps: int | None
    download_bps: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalResult:
    """The last rehearsal: of which file, and whether it passed."""

    at: str
    digest: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecheckFacts:
    """The gateway an hour before the show. `now` is RFC 3339 in UTC, as the events have it.

    `warnings` are those of the file; `clock_synchronised` is None where the kernel does not tell;
    `events` are those of the last day, oldest first.
    """

    now: str
    config: Config
    status: Status
    warnings: Sequence[str] = ()
    doctor: Sequence[DoctorFinding] = ()
    pools: Mapping[str, PoolUsage] = field(default_factory=dict)
    clock_synchronised: bool | None = None
    events: Sequence[TimelineEvent] = ()
    measurements: Mapping[str, LineMeasurement] = field(default_factory=dict)
    rehearsal: RehearsalResult | None = None
    blocked: Sequence[str] = ()
