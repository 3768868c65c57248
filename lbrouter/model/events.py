"""Health events, the input of the health state machine: each says when it happened.

`at` and `sent_at` are seconds of one monotonic clock (CLOCK_MONOTONIC of the process, say). An
event with an older time than the last one counts as happening with it. Names that the configuration
does not know are ignored: an event may be queued while the file changes.

What the probers and monitors have to send:

- `ProbeSent` for each probe when it leaves, then one `ProbeAnswered` or `ProbeLost` with the same
  `target` and `sent_at`. A late answer is to be reported up to 3 s after sending.
- The time between two probes of an uplink is `compile.health.probe_interval_s`, asked before each
  probe and again after each event: it may be less by then.
- What concerns one family of an uplink names it: `family`.
- `ProcessDelayed` comes before the events that piled up in the meantime: the answers that waited in
  the sockets follow it at once.
"""

from dataclasses import dataclass
from enum import StrEnum

from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.message import Message


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
    family: AddressFamily = AddressFamily.V4


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswered:
    """The target answered as it should, `rtt_s` seconds after `sent_at`.

    `arrived_at` is when the kernel received the answer, where it tells: this process may read it
    late.
    """

    at: float
    uplink: str
    target: str
    sent_at: float
    rtt_s: float
    family: AddressFamily = AddressFamily.V4
    arrived_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeLost:
    """The probe came to nothing. `detail` is for people ("redirected to http://login.venue/")."""

    at: float
    uplink: str
    target: str
    sent_at: float
    reason: ProbeFailure
    detail: str = ""
    family: AddressFamily = AddressFamily.V4


@dataclass(frozen=True, slots=True, kw_only=True)
class FullSizeProbed:
    """A probe as large as the line's MTU, not to be fragmented, was answered by `target` or not.

    `size_bytes` is the length of the IP packet. A router that says "too big" is no silence: such a
    probe is not reported.
    """

    at: float
    uplink: str
    target: str
    size_bytes: int
    answered: bool
    family: AddressFamily = AddressFamily.V4


@dataclass(frozen=True, slots=True, kw_only=True)
class NexthopSeen:
    """The next hop answered a moment ago (ARP, neighbour discovery), though no target does."""

    at: float
    uplink: str
    family: AddressFamily


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierChanged:
    """The interface of an uplink has a carrier and is up, or not (nor when it is gone).

    `present`: whether there is an interface of that name at all.
    """

    at: float
    uplink: str
    up: bool
    present: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressingChanged:
    """The uplink has an address and a next hop to go by, or not; `reason` then says why.

    Without a `family` it holds for all that the uplink has.
    """

    at: float
    uplink: str
    ready: bool
    reason: Message | None = None
    family: AddressFamily | None = None


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
    """Our own traffic fills this line in one direction, in both, or in none."""

    at: float
    uplink: str
    upload: bool
    download: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RepliesSeen:
    """Replies to connections from inside crossed this line a moment ago."""

    at: float
    uplink: str
    family: AddressFamily = AddressFamily.V4


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """An operator takes an uplink out: no new flows; with `move_flows` the living ones go too."""

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
    | FullSizeProbed
    | NexthopSeen
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
