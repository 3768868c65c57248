"""The English sentences about the interface and the addresses of a line."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from lbrouter.model.messages.codes import EventCode, ReasonCode

LINE_REASONS: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    ReasonCode.MTU_BLACK_HOLE: (
        (
            "packets of {size} bytes do not pass any more, small ones do;"
            " set `mtu` for this uplink below {size}"
        ),
    ),
    ReasonCode.NO_CARRIER: ("no carrier on {interface}",),
    ReasonCode.NO_INTERFACE: (
        "interface {interface} is not there",
        "interface {interface} is not there; {similar} is: is it the same device?",
        "no interface has the {wanted}; there are: {there}",
        "several interfaces have the {wanted}: {several}",
    ),
}

LINE_EVENTS: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    EventCode.INTERFACE_FOUND: ("{uplink} is plugged into {interface} now",),
}
