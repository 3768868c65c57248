"""Why there is no handshake with a relay, told apart by what its machine answers otherwise."""

from dataclasses import dataclass

from lbrouter.model.config import Uplink
from lbrouter.model.messages.codes import LaneCode
from lbrouter.model.messages.message import Message, message


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockComparison:
    """Dates, in words: of this machine's clock, and of the last sign that it was later once.

    `later` is that of the last handshake, or of the keys' making; "" where the clock is after both.
    """

    now: str
    later: str = ""


def silence_cause(
    *, clock_is_wrong: bool, echo: bool, udp: bool, asked_by_a_line: bool, name_resolves: bool
) -> LaneCode:
    """The most likely cause, from what was answered over all lines."""
    if not asked_by_a_line:
        return LaneCode.NO_LINE
    if clock_is_wrong and (echo or udp):
        return LaneCode.CLOCK
    if udp:
        return LaneCode.KEYS_DIFFER
    if echo:
        return LaneCode.UDP_BLOCKED
    return LaneCode.RELAY_GONE if name_resolves else LaneCode.NAME_UNRESOLVED


def unresolved_name(lane: Uplink, relay_address: str) -> Message:
    """The relay's name does not resolve, and its last address is used."""
    return message(LaneCode.NAME_UNRESOLVED, host=_relay_host(lane), relay=relay_address)


def silence_reason(
    cause: LaneCode, lane: Uplink, relay_address: str, clock: ClockComparison
) -> Message:
    """Why both ends have no handshake."""
    port = "" if lane.relay is None else str(lane.relay.port)
    match cause:
        case LaneCode.NO_LINE:
            return message(cause, lines=tuple(lane.over))
        case LaneCode.CLOCK:
            return message(cause, now=clock.now, later=clock.later)
        case LaneCode.NAME_UNRESOLVED:
            return message(cause, host=_relay_host(lane), silent_relay=relay_address)
        case LaneCode.RELAY_GONE:
            return message(cause, relay=relay_address)
        case LaneCode.UDP_BLOCKED:
            return message(cause, relay=relay_address, port=port)
        case _:
            return message(LaneCode.KEYS_DIFFER, relay=relay_address, lane=lane.name)


def _relay_host(lane: Uplink) -> str:
    return "" if lane.relay is None else lane.relay.host
