"""The English sentences about the interface and the addresses of a line."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from lbrouter.model.messages.codes import AddressCode, EventCode, ReasonCode

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

LINE_ADDRESSES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    AddressCode.DHCP6_NOT_ASKED: (
        "no DHCPv6 lease on {interface}: the daemon asks for one (lbrouter run)",
    ),
    AddressCode.DHCP6_ASKING: ("asking for a DHCPv6 lease on {interface}",),
    AddressCode.DHCP6_NO_SERVER: ("no DHCPv6 server answers on {interface} since {since}",),
    AddressCode.DHCP6_NO_SOCKET: ("DHCPv6 cannot be spoken on {interface}: {error}",),
    AddressCode.DHCP6_NO_ADDRESS: ("the DHCPv6 server on {interface} has no address for us",),
    AddressCode.DHCP6_REFUSED: ("the DHCPv6 server on {interface} refuses (status {status})",),
    AddressCode.DHCP6_NO_ROUTER: (
        "an address by DHCPv6, but no router announces itself on {interface}; set `gateway6`",
    ),
}

LINE_EVENTS: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    EventCode.LEASE6_GRANTED: ("{uplink} has the address {address} by DHCPv6",),
    EventCode.LEASE6_LOST: ("{uplink} lost its address {address_before} by DHCPv6: {reason}",),
    EventCode.LOGIN: ("{client} uses {uplink} alone for {for_s}, to log in there",),
    EventCode.INTERFACE_FOUND: ("{uplink} is plugged into {interface} now",),
}
