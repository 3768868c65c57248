"""`gather`: the facts of the machine, its interfaces, addresses, gateways and conflicts.

A conflict is a sentence for a person. Nothing that is found here is ever changed.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv6Interface, ip_address
from struct import Struct
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.rtnl import RTM_GETQDISC
from pyroute2.netlink.rtnl.tcmsg import tcmsg

from lbrouter.kernel.neighbours.neighbour_table_size import read_neighbour_table_size
from lbrouter.kernel.netlink.codec import RawMessage, parse_attributes
from lbrouter.kernel.netlink.object_dump import dump_raw
from lbrouter.kernel.netlink.uapi import RTA_OIF, TC_H_ROOT, TCA_KIND, TCMSG
from lbrouter.kernel.objects import address, link, route, rule
from lbrouter.kernel.objects.link_message import Link
from lbrouter.kernel.read.connection_table import read_connection_table_size
from lbrouter.kernel.read.device_path import device_path
from lbrouter.model.facts import (
    Facts,
    ForeignRootQdisc,
    InterfaceFacts,
    ObserveScope,
)
from lbrouter.model.kernel_state import AddressFamily, IpAddress
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.reserved_ids import (
    GATEWAY_TABLE,
    MARK_MASK,
    QDISC_HANDLES,
    ROUTE_PROTOCOL,
    ROUTE_TABLES,
    RULE_PRIORITIES,
)

RT_TABLE_MAIN: Final = 254
RTA_MULTIPATH: Final = 9
RTA_VIA: Final = 18
RTA_PREF: Final = 20
ROUTER_PREFERENCE_RANKS: Final = {b"\1": 0, b"\0": 1, b"\3": 2}
"""High, medium, low (linux/icmpv6.h)."""

STACKED_KINDS: Final = frozenset({"vlan", "macvlan", "ipvlan"})
"""Kinds of device that stand on the interface which they name; a veth names its other end."""

RTNEXTHOP: Final = Struct("=HBBi")


async def gather(ipr: AsyncIPRoute, scope: ObserveScope) -> Facts:
    """Facts of every interface of the namespace; conflicts within `scope`."""
    read_at = time.monotonic()
    links = await link.list_links(ipr)
    addresses = await address.list_addresses(ipr)
    gateways, device_routes = await _default_routes(ipr)
    roots = await _foreign_roots(ipr)
    names = {each.index: each.name for each in links}
    held: dict[str, list[address.ObservedAddress]] = {}
    for one in addresses:
        held.setdefault(one.address.interface, []).append(one)
    foreign_rules = [
        each
        for family in AddressFamily
        for each in await rule.dump_rules(ipr, family)
        if not rule.is_ours(each)
    ]
    return Facts(
        read_at=read_at,
        connection_table_size=read_connection_table_size(),
        neighbour_table_size=read_neighbour_table_size(),
        interfaces={
            each.name: replace(
                _interface_facts(each, held.get(each.name, ()), names),
                gateways=gateways.get(each.index, ()),
                device_routes=device_routes.get(each.index, frozenset()),
                foreign_root_qdisc=roots.get(each.index),
            )
            for each in links
        },
        conflicts=(
            *sorted(
                {sentence for each in foreign_rules for sentence in _rule_conflict_messages(each)}
            ),
            *await _route_conflicts(ipr),
            *_qdisc_conflicts(links, roots, scope),
        ),
    )


def _interface_facts(
    found: Link,
    mine: Collection[address.ObservedAddress],
    names: Mapping[int, str],
) -> InterfaceFacts:
    return InterfaceFacts(
        name=found.name,
        index=found.index,
        up=found.up,
        carrier=found.carrier,
        mtu=found.mtu,
        kind=found.kind,
        parent=names.get(found.parent, "") if found.kind in STACKED_KINDS else "",
        tag=found.tag,
        ours=found.ours,
        mac=found.mac,
        permanent_mac=found.permanent_mac,
        path=device_path(found) if not found.kind else "",
        addresses=tuple(each.address.address for each in mine),
        foreign_addresses=tuple(each.address.address for each in mine if not each.ours),
        autoconfigured=tuple(_ipv6_interface(each) for each in mine if each.autoconfigured),
    )


def _ipv6_interface(observed: address.ObservedAddress) -> IPv6Interface:
    assert isinstance(observed.address.address, IPv6Interface)
    return observed.address.address


async def _default_routes(
    ipr: AsyncIPRoute,
) -> tuple[Mapping[int, tuple[IpAddress, ...]], Mapping[int, frozenset[AddressFamily]]]:
    """Gateways of the default routes in `main`, by interface index, the preferred ones first.

    And the families in which such a route has no gateway, by interface index too.
    """
    gateways: dict[int, tuple[IpAddress, ...]] = {}
    by_device: dict[int, frozenset[AddressFamily]] = {}
    for family in AddressFamily:
        messages = await route.dump_table(ipr, family, RT_TABLE_MAIN)
        defaults = [
            answer
            for answer in messages
            if answer.fields[1] == 0
            and answer.fields[7] == route.RTN_UNICAST
            and route.protocol_of(answer) != ROUTE_PROTOCOL
        ]
        for message in sorted(defaults, key=_route_preference):
            for index, gateway in _nexthops(message):
                gateways[index] = (*gateways.get(index, ()), gateway)
        for message in defaults:
            if _is_by_device(message):
                index = message.integer(RTA_OIF)
                by_device[index] = by_device.get(index, frozenset()) | {family}
    return gateways, by_device


def _is_by_device(answer: RawMessage) -> bool:
    hops = (route.RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH)
    return not any(answer.raw(number) for number in hops)


def _route_preference(answer: RawMessage) -> tuple[int, int]:
    """The lower the better: the metric, then the router's own preference (RFC 4191)."""
    return answer.integer(route.RTA_PRIORITY), ROUTER_PREFERENCE_RANKS.get(answer.raw(RTA_PREF), 1)


def _nexthops(answer: RawMessage) -> Iterator[tuple[int, IpAddress]]:
    """One hop in the route itself, or several in its multipath list (struct rtnexthop)."""
    if gateway := answer.raw(route.RTA_GATEWAY):
        yield answer.integer(RTA_OIF), ip_address(gateway)
    content = answer.raw(RTA_MULTIPATH)
    while len(content) >= RTNEXTHOP.size:
        length, _, _, index = RTNEXTHOP.unpack_from(content)
        hop = dict(parse_attributes(content[RTNEXTHOP.size : length]))
        if route.RTA_GATEWAY in hop:
            yield index, ip_address(hop[route.RTA_GATEWAY])
        content = content[max((length + 3) & ~3, RTNEXTHOP.size) :]


def _rule_conflict_messages(message: Any) -> list[str]:
    priority = rule.priority_of(message)
    mark, mask = message.get_attr("FRA_FWMARK") or 0, message.get_attr("FRA_FWMASK") or 0
    sentences: list[str] = []
    if priority in RULE_PRIORITIES:
        sentences.append(
            phrase(
                "Another program's rule has priority {priority}, within our {first}"
                " to {last} (ip rule show pref {priority}).",
                priority=priority,
                first=RULE_PRIORITIES[0],
                last=RULE_PRIORITIES[-1],
            )
        )
    if mask & MARK_MASK:
        sentences.append(
            phrase(
                "Another program's rule {priority} selects by fwmark {mark}/{mask}, which"
                " reads the bits {own_mask} that lbrouter uses (ip rule show pref {priority}).",
                priority=priority,
                mark=f"{mark:#x}",
                mask=f"{mask:#x}",
                own_mask=f"{MARK_MASK:#010x}",
            )
        )
    return sentences


async def _route_conflicts(ipr: AsyncIPRoute) -> list[str]:
    sentences: list[str] = []
    for family in AddressFamily:
        for table in ROUTE_TABLES:
            messages = await route.dump_table(ipr, family, table)
            foreign = sum(route.protocol_of(each) != ROUTE_PROTOCOL for each in messages)
            if foreign:
                command = (
                    f"ip {'-6 ' if family is AddressFamily.V6 else ''}route show table {table}"
                )
                sentences.append(
                    phrase(
                        "Table {table}, one of our {first} to {last}, holds {count}"
                        " of another program's routes ({command}).",
                        table=table,
                        first=GATEWAY_TABLE,
                        last=ROUTE_TABLES[-1],
                        count=foreign,
                        command=command,
                    )
                )
    return sentences


def _qdisc_conflicts(
    found: Iterable[Link], roots: Mapping[int, ForeignRootQdisc], scope: ObserveScope
) -> list[str]:
    names = {each.index: each.name for each in found if each.name in scope.interfaces}
    return [
        phrase(
            "Interface {interface} has another program's {root} at its root (tc qdisc show dev"
            " {interface}).",
            interface=names[index],
            root=root,
        )
        for index, root in roots.items()
        if index in names
    ]


async def _foreign_roots(ipr: AsyncIPRoute) -> Mapping[int, ForeignRootQdisc]:
    """Each root that is neither ours nor the kernel's own choice, by interface index.

    What the kernel chooses (the sysctl default_qdisc, mq, noqueue) has no handle, and a qdisc of
    ours replaces it without an error; one that a program added has a handle, and is in the way.
    """
    found = {}
    for answer in await dump_raw(ipr, tcmsg(), RTM_GETQDISC, TCMSG):
        _, _, _, index, handle, parent, _ = answer.fields
        if parent == TC_H_ROOT and handle and handle >> 16 not in QDISC_HANDLES:
            found[index] = ForeignRootQdisc(kind=answer.text(TCA_KIND), handle=handle >> 16)
    return found
