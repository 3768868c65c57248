"""Why there is no handshake with a relay, told apart by what its machine answers otherwise."""

from lbrouter.model.config import Uplink
from lbrouter.model.messages.codes import LaneCode
from lbrouter.model.messages.message import Message, message


def silence_cause(
    *, clock_is_wrong: bool, echo: bool, udp: bool, asked_by_a_line: bool
) -> LaneCode:
    """The most likely cause, from what was answered over all lines."""
    if not asked_by_a_line:
        return LaneCode.NO_LINE
    if clock_is_wrong and (echo or udp):
        return LaneCode.CLOCK
    if udp:
        return LaneCode.KEYS_DIFFER
    return LaneCode.UDP_BLOCKED if echo else LaneCode.RELAY_GONE


def silence_reason(cause: LaneCode, lane: Uplink, relay_address: str, date: str) -> Message:
    """The message; `date` is what the machine's own clock says."""
    port = "" if lane.relay is None else str(lane.relay.port)
    match cause:
        case LaneCode.NO_LINE:
            return message(cause, lines=tuple(lane.over))
        case LaneCode.CLOCK:
            return message(cause, date=date)
        case LaneCode.RELAY_GONE:
            return message(cause, relay=relay_address)
        case LaneCode.UDP_BLOCKED:
            return message(cause, relay=relay_address, port=port)
        case _:
            return message(LaneCode.KEYS_DIFFER, relay=relay_address, lane=lane.name)
