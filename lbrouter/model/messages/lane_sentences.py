"""The English sentences of lanes: why a relay is silent, and what the lines of a lane do."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from lbrouter.model.messages.codes import LaneCode

LANE_SENTENCES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    LaneCode.NO_LINE: ("none of {lines} has an address and a carrier",),
    LaneCode.CLOCK: (
        (
            "the clock of this machine says {now}, and was at {later} before: the relay refuses a"
            " handshake that is older than the last one; set the clock, or restart the relay where"
            " the earlier time was the wrong one"
        ),
    ),
    LaneCode.RELAY_GONE: (
        "the relay {relay} does not answer by any line: it is off, or its address is another one",
    ),
    LaneCode.NAME_UNRESOLVED: (
        "{host} does not resolve: {relay} is the last address that it had",
        (
            "{host} does not resolve: {silent_relay} is the last address that it had, and that"
            " does not answer by any line"
        ),
    ),
    LaneCode.UDP_BLOCKED: (
        (
            "the relay {relay} answers ping, but UDP port {port} does not pass: this network blocks"
            " it, or the firewall of the relay's provider does"
        ),
    ),
    LaneCode.KEYS_DIFFER: (
        (
            "UDP reaches the relay {relay}, but its WireGuard does not answer: the keys differ,"
            " or it does not run (lbrouter relay setup {lane})"
        ),
    ),
    LaneCode.NOT_SET_UP: ("the lane is not set up",),
    LaneCode.NO_IPV4: ("it has no IPv4 address",),
    LaneCode.METERED_WAITS: ("metered: it waits until another line has a problem",),
    LaneCode.ALONE: (
        "no second line is left: no line carries {lane} alone",
        "no second line is left: {lines} carries {lane} alone",
    ),
    LaneCode.NOT_ALONE: ("{lane} has a second line again",),
    LaneCode.RELAY_ADDRESS: ("{host} is {address}",),
}
