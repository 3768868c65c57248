"""Health events, the input of the health state machine: each says when it happened.

`at` and `sent_at` are seconds of one monotonic clock (CLOCK_MONOTONIC of the process, say). An
event with an older time than the last one counts as happening with it. Names that the configuration
does not know are ignored: an event may be queued while the file changes.

What the probers and monitors have to send:

- `ProbeSent` for each probe when it leaves, then one `ProbeAnswered` or `ProbeLost` with the same
  `target` and `sent_at`. A late answer is to be reported up to 3 s after sending.
- The time between two probes of an uplink is `compile.health.probe_interval_s`, asked before each
  probe and again after each event: it may be less by then.
- `ProcessDelayed` comes before the events that piled up in the meantime.
"""

from dataclasses import dataclass
from enum import StrEnum


class ProbeFailure(StrEnum):
    """Why a probe came to nothing, in words that fit a sentence."""

    NO_ANSWER = "no answer"
    UNREACHABLE = "unreachable"
    """An ICMP error from a router on the path."""
    REFUSED = "refused"
    """A TCP reset: the host answers, but not the target's service."""
    CAPTIVE_PORTAL = "captive portal"
    """A redirect, a wrong certificate or a wrong status where a page was expected."""
    WRONG_ANSWER = "wrong answer"
    NOT_SENT = "not sent"
    """The probe never left: no route, no buffer. It says nothing of the line's loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSent:
    """A probe left. `target` is `str(ProbeTarget)`, its URL."""

    at: float
    uplink: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswered:
    """The target answered as it should, `rtt_s` seconds after `sent_at`."""

    at: float
    uplink: str
    target: str
    sent_at: float
    rtt_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeLost:
    """The probe came to nothing. `detail` is for people ("redirected to http://login.venue/")."""

    at: float
    uplink: str
    target: str
    sent_at: float
    reason: ProbeFailure
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierChanged:
    """The interface of an uplink has a carrier and is up, or not (nor when it is gone)."""

    at: float
    uplink: str
    up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressingChanged:
    """The uplink has an address and a gateway to go by, or not; `reason` then says why."""

    at: float
    uplink: str
    ready: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time went by, nothing else happened."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessDelayed:
    """This process was delayed by `delay_s` seconds: starved of CPU, or the machine was paused."""

    at: float
    delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFull:
    """Our own queue towards this uplink is full (a backlog stands), or no longer."""

    at: float
    uplink: str
    full: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RepliesSeen:
    """Replies to connections from inside came by this uplink a moment ago."""

    at: float
    uplink: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """An operator takes an uplink out: no new flows; with `move_flows` the living ones move too."""

    at: float
    uplink: str
    move_flows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Back to automatic: the uplink is no longer drained, and no policy is pinned to it."""

    at: float
    uplink: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """An operator forces a policy onto an uplink; None takes the pin off."""

    at: float
    policy: str
    uplink: str | None


ProbeEvent = ProbeSent | ProbeAnswered | ProbeLost
"""What concerns one probe."""

HealthEvent = (
    ProbeEvent
    | CarrierChanged
    | AddressingChanged
    | Tick
    | ProcessDelayed
    | QueueFull
    | RepliesSeen
    | Drain
    | Restore
    | Pin
)
"""Everything that `compile.health.step` takes."""
