"""What is remembered of one family of one uplink: `UplinkMemory`. Everything is bounded."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from lbrouter.compile.health.settings import UplinkHealthSettings
from lbrouter.compile.health.statistics.damping import NO_PENALTY, DampingPenalty
from lbrouter.compile.health.statistics.loss_test import LossEvidence
from lbrouter.compile.health.statistics.windows import BUCKET_S, ProbeWindow
from lbrouter.model.events import ProbeFailure
from lbrouter.model.health import UplinkState
from lbrouter.model.messages.message import Message

LONG_AGO: Final = float("-inf")
MUTE_MIN_MISSES: Final = 5
MUTE_MIN_OTHER_ANSWERS: Final = 3
"""A target is mute after so many misses in a row, and so many answers of others meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStats:
    """One target as seen through one uplink. Round trips in seconds, as RFC 6298 smooths them."""

    srtt_s: float | None = None
    rttvar_s: float = 0.0
    last_rtt_s: float | None = None
    is_late_estimate: bool = False
    """The last round trip is of a probe that left before the line answered: it may have waited."""
    window: ProbeWindow = field(default_factory=ProbeWindow)
    consecutive_misses: int = 0
    """Failed probes in a row."""
    last_miss_at: float = LONG_AGO
    """When the last of them failed."""
    answers_at_first_miss: int = 0
    """The uplink's `answer_count` when the row began: more since then came from other targets."""
    failure: ProbeFailure = ProbeFailure.NO_ANSWER
    portal_pages: int = 0
    """Pages in a row that were replaced on the way."""
    excluded: bool = False
    """It loses what others do not: its loss does not count."""
    answers_full_size: bool = False
    """It answered a probe as large as the line's MTU, some time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutstandingProbe:
    """A probe on its way. `timed_out`: overdue and counted as lost; an answer takes that back."""

    target: str
    sent_at: float
    due: float
    timed_out: bool = False
    counted_as_loss: bool = False
    """Windows and evidence count it as lost."""
    prolonged: bool = False
    """This process was delayed while it was out: its time was prolonged, which is done once."""


class QualityMetric(StrEnum):
    """What a policy can set a limit for."""

    LOSS = "loss"
    LATENCY = "latency"
    JITTER = "jitter"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTolerance:
    """Whether a policy left this uplink, over what, and since when all is within the dead band."""

    exceeded: QualityMetric | None = None
    within_since: float | None = None
    penalty: DampingPenalty = NO_PENALTY


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkMemory:
    """All that is remembered of one family of one uplink."""

    settings: UplinkHealthSettings
    state: UplinkState
    since: float
    judged: bool = True
    """There was an answer or a verdict since it got its address, or since the first look at it."""
    follows_other_family: bool = False
    """No target of this family has ever answered by any line: the other family tells."""
    present: bool = True
    """There is such an interface."""
    carrier: bool = True
    addressed: bool = True
    no_address_reason: Message | None = None
    drained: bool = False
    move_flows: bool = False
    """The operator who drained it wants its established flows moved as well."""
    link_lost_at: float = LONG_AGO
    """The last loss of carrier or address: answers to older probes prove nothing."""

    upload_full: bool = False
    upload_full_until: float = LONG_AGO
    download_full: bool = False
    download_full_until: float = LONG_AGO
    """Until then probes are on their way that left or came while our own traffic filled it."""

    targets: Mapping[str, TargetStats] = field(default_factory=dict)
    outstanding: tuple[OutstandingProbe, ...] = ()
    last_probe_at: float = LONG_AGO
    fast_probe_budget_s: float = 0.0
    """Time for which fast probes may still be sent because of loss."""

    answer_count: int = 0
    responding: bool = True
    """There was a sign of life since the last fault."""
    responding_since: float = LONG_AGO
    """The first answer after the last fault, or after it got its address."""
    dead_at: float = LONG_AGO
    """When silence was last taken for the end of the line."""
    was_late: bool = False
    """A probe from before that moment was answered after it: the line was slow, not dead."""
    nexthop_seen_at: float = LONG_AGO
    """When the next hop was last seen to answer, while no target did."""
    last_answer_at: float | None = None
    silent_since: float = 0.0
    """When the last answer arrived, by the kernel's clock where that is known."""
    unobserved_s: float = 0.0
    """How much of the silence since then this process was delayed and no probe was out."""
    longest_delay_s: float = 0.0
    """The longest of these delays."""
    delay_ended_at: float = LONG_AGO
    """When this process last ran again after a delay."""
    last_reply_at: float = LONG_AGO
    """When replies to connections from inside were last seen to come."""
    full_size_misses: int = 0
    """Full-size probes in a row without an answer, of targets that answered such."""
    full_size_answers: int = 0
    """Full-size probes in a row with an answer."""
    is_black_hole: bool = False
    """Packets of full size passed once, and do no longer, while small ones do."""
    full_size_bytes: int = 0
    """Length of the last full-size probe."""

    consecutive_losses: int = 0
    """Failed probes in a row, over all counted targets."""
    usual_loss: float = 0.0
    """Usual loss (0 to 1), from the rows that an answer ended: the present silence is not in it."""

    suspect: bool = False
    suspect_until: float = LONG_AGO
    suspect_penalty: DampingPenalty = NO_PENALTY
    last_fault_at: float = LONG_AGO
    flap_penalty: DampingPenalty = NO_PENALTY

    evidence: tuple[LossEvidence, ...] = ()
    """In the order of `settings.loss_limits`."""
    policy_tolerance: tuple[PolicyTolerance, ...] = ()
    """In the order of `settings.limits`."""
    last_tolerance_check_at: float = LONG_AGO
    badness: float = 0.0


def with_silence_from(line: UplinkMemory, at: float) -> UplinkMemory:
    """The line whose silence begins at `at`."""
    return replace(
        line, silent_since=at, consecutive_losses=0, unobserved_s=0.0, longest_delay_s=0.0
    )


def new_target_stats(settings: UplinkHealthSettings) -> dict[str, TargetStats]:
    """Targets of which nothing is known yet."""
    window = ProbeWindow(width_s=BUCKET_S * settings.window_stretch)
    return {target: TargetStats(window=window) for target in settings.targets}


def is_mute(line: UplinkMemory, target: TargetStats) -> bool:
    """Whether a target is silent while others answer: then the target is at fault, not the line."""
    return (
        target.consecutive_misses >= MUTE_MIN_MISSES
        and line.answer_count - target.answers_at_first_miss >= MUTE_MIN_OTHER_ANSWERS
    )


def counted_targets(line: UplinkMemory) -> dict[str, TargetStats]:
    """The targets whose loss is taken for the line's; all of them if none is left."""
    own = {
        t: seen for t, seen in line.targets.items() if not (seen.excluded or is_mute(line, seen))
    }
    return own or dict(line.targets)


def full_directions(line: UplinkMemory, at: float) -> int:
    """In how many directions (0 to 2) our own traffic fills the line, or did a moment ago."""
    upload = line.upload_full or at < line.upload_full_until
    download = line.download_full or at < line.download_full_until
    return upload + download


def is_self_congested(line: UplinkMemory, at: float) -> bool:
    """Whether the times of probes are those of our own traffic's queue."""
    return full_directions(line, at) > 0
