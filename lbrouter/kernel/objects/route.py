"""Routes of ours: routing protocol 76 in the tables 7000 to 7015 and in `main`, both families."""

import errno
import socket
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from struct import Struct
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.rtnl import RTM_DELROUTE, RTM_GETROUTE, RTM_NEWROUTE
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lbrouter.kernel.netlink.client import (
    CREATE_FLAGS,
    OBJECT_ABSENT_ERRNOS,
    REPLACE_FLAGS,
    REQUEST_FLAGS,
    NetlinkError,
    send,
    tolerate,
)
from lbrouter.kernel.netlink.codec import RawMessage, native_uint
from lbrouter.kernel.netlink.object_dump import dump_raw
from lbrouter.kernel.netlink.uapi import (
    AF_BY_FAMILY,
    RT_SCOPE_LINK,
    RTA_DST,
    RTA_OIF,
    RTA_TABLE,
    RTM_F_CLONED,
)
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel_state import AddressFamily, Route
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.plan import Action, Operation
from lbrouter.model.reserved_ids import MAIN_TABLE, ROUTE_PROTOCOL, ROUTE_TABLES

RTMSG: Final = Struct("=BBBBBBBBI")
"""linux/rtnetlink.h: family, two prefix lengths, TOS, table, protocol, scope, type, flags."""

RTA_GATEWAY: Final = 5
RTA_PRIORITY: Final = 6
RTA_PREFSRC: Final = 7
RTA_METRICS: Final = 8

RTAX_MTU: Final = 2
"""Within RTA_METRICS. It counts for what is forwarded as well (ip_dst_mtu_maybe_forward)."""

RTN_UNICAST: Final = 1
RTN_UNREACHABLE: Final = 7
RTNH_F_ONLINK: Final = 4
RT_SCOPE_NOWHERE: Final = 255

IP6_RT_PRIO_USER: Final = 1024
"""IP6_RT_PRIO_USER: what IPv6 makes of metric 0 (net/ipv6/route.c). Ours is 0 in both families."""


async def observe(ipr: AsyncIPRoute) -> frozenset[Route]:
    """Every route of ours. The kernel filters by protocol, so a full BGP table costs nothing."""
    names = dict(socket.if_nameindex())
    routes: set[Route] = set()
    for family in AddressFamily:
        message = _base_message(family)
        message["proto"] = ROUTE_PROTOCOL
        answers = await dump_raw(ipr, message, RTM_GETROUTE, RTMSG)
        own = (answer for answer in answers if _is_ours(answer, family))
        routes |= {_decode_route(answer, family, names) for answer in own}
    return frozenset(routes)


async def dump_table(ipr: AsyncIPRoute, family: AddressFamily, table: int) -> list[RawMessage]:
    """All routes in one table, ours and foreign."""
    message = _base_message(family)
    message["attrs"] = [("RTA_TABLE", table)]
    try:
        answers = await dump_raw(ipr, message, RTM_GETROUTE, RTMSG)
    except NetlinkError as error:
        if error.code not in OBJECT_ABSENT_ERRNOS:
            raise
        return []
    return [answer for answer in answers if _is_route(answer, family, table)]


async def execute(ipr: AsyncIPRoute, operation: Operation) -> None:
    """Add, replace or remove a route. A foreign route in our tables is not replaced."""
    old, new = operation.old, operation.new
    if not isinstance(new, Route):
        assert isinstance(old, Route)
        # The protocol number in the request keeps the kernel from removing a foreign
        # route.
        try:
            message = _message(old)
        except OSError:
            return  # The interface is gone, and with it the route.
        message["scope"] = RT_SCOPE_NOWHERE
        await tolerate(OBJECT_ABSENT_ERRNOS, send(ipr, message, RTM_DELROUTE, REQUEST_FLAGS))
    elif operation.action is Action.CHANGE:
        await send(ipr, _message(new), RTM_NEWROUTE, REPLACE_FLAGS)
    else:
        if await tolerate(
            frozenset({errno.EEXIST}), send(ipr, _message(new), RTM_NEWROUTE, CREATE_FLAGS)
        ):
            return
        if new.key not in {standing.key for standing in await observe(ipr)}:
            raise NotAppliedError(
                phrase(
                    "Another program's route to {destination} stands in table {table}.",
                    destination=new.destination,
                    table=new.table,
                ),
                remedy=phrase(
                    "See `ip route show table {table}`; lbrouter uses the tables {first} to"
                    " {last}.",
                    table=new.table,
                    first=ROUTE_TABLES[0],
                    last=ROUTE_TABLES[-1],
                ),
            )
        await send(ipr, _message(new), RTM_NEWROUTE, REPLACE_FLAGS)


def _is_ours(answer: RawMessage, family: AddressFamily) -> bool:
    table = answer.integer(RTA_TABLE)
    return (
        protocol_of(answer) == ROUTE_PROTOCOL
        and (table in ROUTE_TABLES or table == MAIN_TABLE)
        and _is_route(answer, family, table)
    )


def _is_route(answer: RawMessage, family: AddressFamily, table: int) -> bool:
    """Whether it is a route of that table: a kernel without IPv6 answers with IPv4's."""
    is_family, cloned = answer.fields[0] == AF_BY_FAMILY[family], answer.fields[-1] & RTM_F_CLONED
    return is_family and not cloned and answer.integer(RTA_TABLE) == table


def protocol_of(answer: RawMessage) -> int:
    """The routing protocol number: who put the route there."""
    return answer.fields[5]


def _base_message(family: AddressFamily) -> Any:
    message = rtmsg()
    message["family"] = AF_BY_FAMILY[family]
    return message


def _message(route: Route) -> Any:
    message = _base_message(route.family)
    message["dst_len"] = route.destination.prefixlen
    message["proto"] = ROUTE_PROTOCOL
    message["type"] = RTN_UNICAST if route.interface else RTN_UNREACHABLE
    connected = route.interface and route.gateway is None and route.family is AddressFamily.V4
    message["scope"] = RT_SCOPE_LINK if connected else 0
    message["flags"] = RTNH_F_ONLINK if route.onlink else 0
    usual_metric = IP6_RT_PRIO_USER if route.family is AddressFamily.V6 else 0
    attributes: list[tuple[str, Any]] = [
        ("RTA_TABLE", route.table),
        ("RTA_DST", str(route.destination.network_address)),
        ("RTA_PRIORITY", route.metric or usual_metric),
    ]
    if route.interface:
        attributes.append(("RTA_OIF", socket.if_nametoindex(route.interface)))
    if route.gateway is not None:
        attributes.append(("RTA_GATEWAY", str(route.gateway)))
    if route.source is not None:
        attributes.append(("RTA_PREFSRC", str(route.source)))
    if route.mtu:
        attributes.append(("RTA_METRICS", {"attrs": [("RTAX_MTU", route.mtu)]}))
    message["attrs"] = attributes
    return message


def _decode_route(answer: RawMessage, family: AddressFamily, names: Mapping[int, str]) -> Route:
    """As we wrote it; the kernel shows an IPv6 unreachable route on `lo`, which we did not."""
    _, length, _, _, _, _, _, kind, flags = answer.fields
    gateway, source = answer.raw(RTA_GATEWAY), answer.raw(RTA_PREFSRC)
    index = answer.integer(RTA_OIF)
    metric = answer.integer(RTA_PRIORITY)
    # A default route carries no destination at all.
    packed = answer.raw(RTA_DST) or bytes(4 if family is AddressFamily.V4 else 16)
    return Route(
        table=answer.integer(RTA_TABLE),
        destination=ip_network((packed, length)),
        interface=names.get(index, f"if{index}") if kind == RTN_UNICAST else "",
        gateway=ip_address(gateway) if gateway else None,
        source=ip_address(source) if source else None,
        metric=0 if family is AddressFamily.V6 and metric == IP6_RT_PRIO_USER else metric,
        onlink=bool(flags & RTNH_F_ONLINK),
        mtu=native_uint(answer.nested(RTA_METRICS, RTAX_MTU)),
    )
