"""Why there is no handshake with a relay, told apart by what its machine answers otherwise."""

from enum import StrEnum

from lbrouter.model.config import Uplink


class SilenceCause(StrEnum):
    """Stable codes, for programs."""

    NO_LINE = "lane_no_line"
    CLOCK = "lane_clock_wrong"
    RELAY_GONE = "lane_relay_gone"
    UDP_BLOCKED = "lane_udp_blocked"
    KEYS_DIFFER = "lane_keys_differ"


def silence_cause(
    *, clock_is_wrong: bool, echo: bool, udp: bool, asked_by_a_line: bool
) -> SilenceCause:
    """The most likely cause, from what was answered over all lines."""
    if not asked_by_a_line:
        return SilenceCause.NO_LINE
    if clock_is_wrong and (echo or udp):
        return SilenceCause.CLOCK
    if udp:
        return SilenceCause.KEYS_DIFFER
    return SilenceCause.UDP_BLOCKED if echo else SilenceCause.RELAY_GONE


def silence_reason(cause: SilenceCause, lane: Uplink, relay_address: str, date: str) -> str:
    """The sentence for people; `date` is what the machine's own clock says."""
    port = "" if lane.relay is None else str(lane.relay.port)
    match cause:
        case SilenceCause.NO_LINE:
            return f"none of {', '.join(lane.over)} has an address and a carrier"
        case SilenceCause.CLOCK:
            return (
                f"the clock of this machine says {date}: the relay refuses a handshake that is"
                " older than the last one; set the clock"
            )
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
