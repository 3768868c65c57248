"""What is remembered of one uplink: `Line`. Everything is bounded, nothing is shared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from lbrouter.compile.health.damping import NO_STRIKES, Strikes
from lbrouter.compile.health.loss_test import Evidence
from lbrouter.compile.health.settings import Settings
from lbrouter.compile.health.windows import BUCKET_S, Window
from lbrouter.model.events import Failure
from lbrouter.model.health import UplinkState

LONG_AGO: Final = float("-inf")
MUTE_AFTER: Final = 5
OTHERS_ANSWERED: Final = 3
"""A target is mute after so many misses in a row amid so many answers of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One target as seen through one uplink. Round trips in seconds, as RFC 6298 smooths them."""

    srtt_s: float | None = None
    rttvar_s: float = 0.0
    last_rtt_s: float | None = None
    window: Window = field(default_factory=Window)
    missed: int = 0
    """Probes in a row that came to nothing."""
    missed_at: float = LONG_AGO
    """When the last of them did."""
    answers_before: int = 0
    """The line's `answers` when the row began: more since then came from other targets."""
    failure: Failure = Failure.SILENT
    portal: int = 0
    """Pages in a row that somebody on the way put in place of the target's."""
    blamed: bool = False
    """It loses what others do not: its loss is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A probe on its way. `judged`: overdue and counted as lost; an answer takes that back."""

    target: str
    sent_at: float
    due: float
    judged: bool = False
    weighed: bool = False
    """It stands in windows and evidence as lost."""


class Measure(StrEnum):
    """What a policy can tolerate too little of."""

    LOSS = "loss"
    LATENCY = "latency"
    JITTER = "jitter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whether a policy left this uplink, over what, and since when all is within the dead band."""

    out: Measure | None = None
    clean_from: float | None = None
    leaves: Strikes = NO_STRIKES


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One uplink."""

    settings: Settings
    state: UplinkState
    since: float
    carrier: bool = True
    addressed: bool = True
    lacks: str = ""
    drained: bool = False
    broke_at: float = LONG_AGO
    """The last loss of carrier or address: answers to older probes prove nothing."""

    full: bool = False
    shaded_until: float = LONG_AGO
    """Until then probes suffer in our own queue, and are no measure of the line."""

    seen: Mapping[str, Seen] = field(default_factory=dict)
    pending: tuple[Pending, ...] = ()
    sent_at: float = LONG_AGO
    credit_s: float = 0.0
    """Time for which quick probes may still be sent over mere loss."""

    answers: int = 0
    heard: bool = True
    """There was a sign of life since the last fault."""
    heard_at: float | None = None
    quiet_from: float = 0.0
    """Silence is counted from here: the last answer, moved on by what we overslept ourselves."""
    replied_at: float = LONG_AGO
    """When replies to connections from inside were last seen to come."""
    run: int = 0
    """Probes in a row, over all counted targets, that came to nothing."""
    level: float = 0.0
    """Usual loss (0 to 1), from the rows that an answer ended: the present silence is not in it."""

    suspect: bool = False
    trusted_at: float = LONG_AGO
    suspicions: Strikes = NO_STRIKES
    fault_at: float = LONG_AGO
    flaps: Strikes = NO_STRIKES

    evidence: tuple[Evidence, ...] = ()
    """In the order of `settings.losses`."""
    standings: tuple[Standing, ...] = ()
    """In the order of `settings.limits`."""
    looked_at: float = LONG_AGO
    badness: float = 0.0


def fresh_seen(settings: Settings) -> dict[str, Seen]:
    """Targets of which nothing is known yet."""
    window = Window(width_s=BUCKET_S * settings.stretch)
    return {target: Seen(window=window) for target in settings.targets}


def mute(line: Line, seen: Seen) -> bool:
    """Whether a target is silent while others answer: then it is the target's own fault."""
    return seen.missed >= MUTE_AFTER and line.answers - seen.answers_before >= OTHERS_ANSWERED


def counted(line: Line) -> dict[str, Seen]:
    """The targets whose loss is taken for the line's; all of them if none is left."""
    own = {t: seen for t, seen in line.seen.items() if not (seen.blamed or mute(line, seen))}
    return own or dict(line.seen)


def shaded(line: Line, at: float) -> bool:
    """Whether probes suffer in our own queue."""
    return line.full or at < line.shaded_until
