"""The English sentences about what a line's neighbours say: leases, advertisements, rogue routers.

As `sentences`, which holds all of them together.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from lbrouter.model.messages.codes import AddressCode, EventCode, OfferCode

NEIGHBOUR_SENTENCES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    AddressCode.ONLY_DHCPV6: (
        (
            "the router {router} on {interface} gives IPv6 addresses by DHCPv6 alone;"
            ' address6 = "auto" does not ask for those'
        ),
    ),
    AddressCode.NO_USABLE_PREFIX: (
        (
            "the router {router} on {interface} advertises no prefix under which an address can be"
            " formed (one of /64, flag A)"
        ),
    ),
    AddressCode.PREFIX_REFUSED: ("a router on {interface} advertises {offer}",),
    OfferCode.TOO_WIDE: (
        "{address}, a subnet wider than /8: no line has so many neighbours; the netmask is wrong",
    ),
    OfferCode.TAKES_ADDRESS: (
        "{address}, which {owner} of this file names: the line would take it from all others",
    ),
    OfferCode.OVERLAPS_VLAN: (
        (
            "{address} with gateway {gateway}, which overlaps {subnet} of VLAN {vlan}; give"
            " vlans.{vlan}.address another subnet, or the provider's modem another one"
        ),
        (
            "{address} with gateway {gateway}, which overlaps {subnet} of VLAN {vlan}; give"
            ' vlans.{vlan}.address another subnet, "{free}" is free, or the provider\'s modem'
            " another one"
        ),
        (
            "{address} with gateway {gateway}, which overlaps {vlans}; give each of these VLANs"
            " another subnet, or the provider's modem another one"
        ),
        (
            "{address} with gateway {gateway}, which overlaps {vlans}; give each of these VLANs"
            " another subnet (free: {free}), or the provider's modem another one"
        ),
    ),
    OfferCode.PREFIX_OVERLAPS_VLAN: (
        (
            "{prefix}, which overlaps {subnet} of VLAN {vlan}; give vlans.{vlan}.address6 another"
            " subnet"
        ),
        (
            "{prefix}, which overlaps {subnet} of VLAN {vlan}; give vlans.{vlan}.address6 another"
            ' subnet, "{free}" is free'
        ),
    ),
    OfferCode.PREFIX_OVERLAPS_UPLINK: (
        "{prefix}, which overlaps {subnet} of uplink {uplink}: two lines must not share a part",
    ),
    EventCode.LEASE_HOLDS_VLANS: (
        (
            "{uplink} has a lease of {subnet}, which holds the VLANs {vlans}: hosts of the line"
            " with addresses in there are not reached"
        ),
    ),
    EventCode.ADVERTISED: (
        "{uplink} has the IPv6 address {address} by the router {router}",
        (
            "{uplink} has the IPv6 address {address} by the router {router} (before:"
            " {address_before} by {router_before})"
        ),
    ),
    EventCode.ADVERTISED_LOST: (
        "{uplink} lost its IPv6 address {address_before} by the router {router_before}",
        "{uplink} lost its IPv6 address {address_before} by the router {router_before}: {reason}",
    ),
    EventCode.ROUTERS_MANY: (
        (
            "more than {count} machines on {interface} say that they are the IPv6 router of"
            " {uplink}; the others are left out"
        ),
    ),
    EventCode.PREFIX_IGNORED: ("a router of {uplink} advertises {offer}; it is not used",),
    EventCode.ROGUE_ROUTER: (
        (
            "another machine says that it is the IPv6 router of VLAN {vlan}: {address} ({mac});"
            " find it and unplug it"
        ),
    ),
    EventCode.ROGUE_ROUTER_GONE: (
        "the other IPv6 router of VLAN {vlan} is silent: {address} ({mac})",
    ),
    EventCode.RESOLVERS_SILENT: (
        (
            "none of {servers} (gateway.dns) answers; the resolvers that {uplinks} named are asked"
            " instead"
        ),
    ),
    EventCode.RESOLVERS_BACK: ("{servers} (gateway.dns): names are answered again",),
    EventCode.NEIGHBOURS_FULL: (
        (
            "VLAN {vlan} names too many hosts at a time (ARP, neighbour discovery); new ones wait"
            " there, all other links are as before"
        ),
        (
            "uplink {uplink} names too many hosts at a time (ARP, neighbour discovery); new ones"
            " wait there, all other links are as before"
        ),
    ),
}
