"""Why there is no handshake with a relay, told apart by what its machine answers otherwise."""

from dataclasses import dataclass
from enum import StrEnum

from lbrouter.model.config import Uplink


class SilenceCause(StrEnum):
    """Stable codes, for programs."""

    NO_LINE = "lane_no_line"
    CLOCK = "lane_clock_wrong"
    RELAY_GONE = "lane_relay_gone"
    UDP_BLOCKED = "lane_udp_blocked"
    KEYS_DIFFER = "lane_keys_differ"
    NAME_UNRESOLVED = "lane_name_unresolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReason:
    """What is wrong with the relay of a lane: for programs, and for people."""

    code: SilenceCause
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockComparison:
    """Dates, in words: of this machine's clock, and of the last sign that it was later once.

    `later` is that of the last handshake, or of the keys' making; "" where the clock is after both.
    """

    now: str
    later: str = ""


def silence_cause(
    *, clock_is_wrong: bool, echo: bool, udp: bool, asked_by_a_line: bool, name_resolves: bool
) -> SilenceCause:
    """The most likely cause, from what was answered over all lines."""
    if not asked_by_a_line:
        return SilenceCause.NO_LINE
    if clock_is_wrong and (echo or udp):
        return SilenceCause.CLOCK
    if udp:
        return SilenceCause.KEYS_DIFFER
    if echo:
        return SilenceCause.UDP_BLOCKED
    return SilenceCause.RELAY_GONE if name_resolves else SilenceCause.NAME_UNRESOLVED


def unresolved_name(lane: Uplink, relay_address: str) -> LaneReason:
    """The relay's name does not resolve, and its last address is used."""
    host = "" if lane.relay is None else lane.relay.host
    return LaneReason(
        code=SilenceCause.NAME_UNRESOLVED,
        text=f"{host} does not resolve: {relay_address} is the last address that it had",
    )


def silence_reason(
    cause: SilenceCause, lane: Uplink, relay_address: str, clock: ClockComparison
) -> LaneReason:
    """Why both ends have no handshake."""
    return LaneReason(code=cause, text=_silence_text(cause, lane, relay_address, clock))


def _silence_text(
    cause: SilenceCause, lane: Uplink, relay_address: str, clock: ClockComparison
) -> str:
    port = "" if lane.relay is None else str(lane.relay.port)
    match cause:
        case SilenceCause.NO_LINE:
            return f"none of {', '.join(lane.over)} has an address and a carrier"
        case SilenceCause.CLOCK:
            return (
                f"the clock of this machine says {clock.now}, and was at {clock.later} before: the"
                " relay refuses a handshake that is older than the last one; set the clock, or"
                " restart the relay where the earlier time was the wrong one"
            )
        case SilenceCause.NAME_UNRESOLVED:
            last = unresolved_name(lane, relay_address).text
            return f"{last}, and that does not answer by any line"
        case SilenceCause.RELAY_GONE:
            return (
                f"the relay {relay_address} does not answer by any line: it is off, or its address"
                " is another one"
            )
        case SilenceCause.UDP_BLOCKED:
            return (
                f"the relay {relay_address} answers ping, but UDP port {port} does not pass: this"
                " network blocks it, or the firewall of the relay's provider does"
            )
        case _:
            return (
                f"UDP reaches the relay {relay_address}, but its WireGuard does not answer: the"
                f" keys differ, or it does not run (lbrouter relay setup {lane.name})"
            )
