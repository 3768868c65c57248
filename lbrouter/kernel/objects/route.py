"""Routes of ours: routing protocol 76 in the tables 7000 to 7015, both families."""

import errno
import socket
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address
from struct import Struct
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.rtnl import RTM_DELROUTE, RTM_GETROUTE, RTM_NEWROUTE
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lbrouter.kernel.netlink.client import ADD, GONE, REMOVE, REPLACE, NetlinkError, send, tolerate
from lbrouter.kernel.netlink.codec import Answer, native, read
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel_state import Family, IpNetwork, Route
from lbrouter.model.plan import Operation, Verb
from lbrouter.model.reserved_ids import PROTOCOL, TABLES

AF: Final = {Family.V4: socket.AF_INET, Family.V6: socket.AF_INET6}

RTMSG: Final = Struct("=BBBBBBBBI")
"""linux/rtnetlink.h: family, two prefix lengths, TOS, table, protocol, scope, type, flags."""

RTA_DST: Final = 1
RTA_OIF: Final = 4
RTA_GATEWAY: Final = 5
RTA_PRIORITY: Final = 6
RTA_PREFSRC: Final = 7
RTA_METRICS: Final = 8
RTA_TABLE: Final = 15

RTAX_MTU: Final = 2
"""Within RTA_METRICS. It counts for what is forwarded as well (ip_dst_mtu_maybe_forward)."""

RTN_UNICAST: Final = 1
RTN_UNREACHABLE: Final = 7
RTNH_F_ONLINK: Final = 4
RTM_F_CLONED: Final = 0x200
SCOPE_LINK: Final = 253
SCOPE_NOWHERE: Final = 255

IPV6_METRIC: Final = 1024
"""IP6_RT_PRIO_USER: what IPv6 makes of metric 0 (net/ipv6/route.c). Ours is 0 in both families."""


async def observe(ipr: AsyncIPRoute) -> frozenset[Route]:
    """Every route of ours. The kernel filters by protocol, so a full BGP table costs nothing."""
    names = dict(socket.if_nameindex())
    found = [route for family in Family for route in await _ours(ipr, family, names)]
    return frozenset(found)


async def dump_table(ipr: AsyncIPRoute, family: Family, table: int) -> list[Answer]:
    """All routes in one table, whosever they are."""
    message = _header(family)
    message["attrs"] = [("RTA_TABLE", table)]
    try:
        answers = await read(ipr, message, RTM_GETROUTE, RTMSG)
    except NetlinkError as error:
        if error.code not in GONE:
            raise
        return []
    return [answer for answer in answers if _is_route(answer, family, table)]


async def execute(ipr: AsyncIPRoute, operation: Operation) -> None:
    """Add, replace or remove a route. A route of somebody else in our tables is not replaced."""
    old, new = operation.old, operation.new
    if not isinstance(new, Route):
        assert isinstance(old, Route)
        await _remove(ipr, old)
    elif operation.verb is Verb.CHANGE:
        await send(ipr, _message(new), RTM_NEWROUTE, REPLACE)
    else:
        await _add(ipr, new)


async def _add(ipr: AsyncIPRoute, route: Route) -> None:
    if await tolerate(frozenset({errno.EEXIST}), send(ipr, _message(route), RTM_NEWROUTE, ADD)):
        return
    if route.key not in {standing.key for standing in await observe(ipr)}:
        raise NotAppliedError(
            f"Another program's route to {route.destination} stands in table {route.table}.",
            remedy=f"See `ip route show table {route.table}`; lbrouter uses the tables"
            f" {TABLES[0]} to {TABLES[-1]}.",
        )
    await send(ipr, _message(route), RTM_NEWROUTE, REPLACE)


async def _remove(ipr: AsyncIPRoute, route: Route) -> None:
    """The protocol number in the request keeps the kernel from taking somebody else's route."""
    try:
        message = _message(route)
    except OSError:
        return  # The interface is gone, and with it the route.
    message["scope"] = SCOPE_NOWHERE
    await tolerate(GONE, send(ipr, message, RTM_DELROUTE, REMOVE))


async def _ours(ipr: AsyncIPRoute, family: Family, names: Mapping[int, str]) -> list[Route]:
    message = _header(family)
    message["proto"] = PROTOCOL
    answers = await read(ipr, message, RTM_GETROUTE, RTMSG)
    return [_route(answer, family, names) for answer in answers if _is_ours(answer, family)]


def _is_ours(answer: Answer, family: Family) -> bool:
    table = answer.number(RTA_TABLE)
    return protocol_of(answer) == PROTOCOL and table in TABLES and _is_route(answer, family, table)


def _is_route(answer: Answer, family: Family, table: int) -> bool:
    """Whether it is a route of that table: a kernel without IPv6 answers with IPv4's."""
    is_family, cloned = answer.fields[0] == AF[family], answer.fields[-1] & RTM_F_CLONED
    return is_family and not cloned and answer.number(RTA_TABLE) == table


def protocol_of(answer: Answer) -> int:
    """The routing protocol number: who put the route there."""
    return answer.fields[5]


def _header(family: Family) -> Any:
    message = rtmsg()
    message["family"] = AF[family]
    return message


def _message(route: Route) -> Any:
    message = _header(route.family)
    message["dst_len"] = route.destination.prefixlen
    message["proto"] = PROTOCOL
    message["type"] = RTN_UNICAST if route.interface else RTN_UNREACHABLE
    connected = route.interface and route.gateway is None and route.family is Family.V4
    message["scope"] = SCOPE_LINK if connected else 0
    message["flags"] = RTNH_F_ONLINK if route.onlink else 0
    message["attrs"] = _attributes(route)
    return message


def _attributes(route: Route) -> list[tuple[str, Any]]:
    attributes: list[tuple[str, Any]] = [
        ("RTA_TABLE", route.table),
        ("RTA_DST", str(route.destination.network_address)),
        ("RTA_PRIORITY", _kernel_metric(route)),
    ]
    if route.interface:
        attributes.append(("RTA_OIF", socket.if_nametoindex(route.interface)))
    if route.gateway is not None:
        attributes.append(("RTA_GATEWAY", str(route.gateway)))
    if route.source is not None:
        attributes.append(("RTA_PREFSRC", str(route.source)))
    if route.mtu:
        attributes.append(("RTA_METRICS", {"attrs": [("RTAX_MTU", route.mtu)]}))
    return attributes


def _kernel_metric(route: Route) -> int:
    return IPV6_METRIC if route.family is Family.V6 and not route.metric else route.metric


def _model_metric(family: Family, metric: int) -> int:
    return 0 if family is Family.V6 and metric == IPV6_METRIC else metric


def _route(answer: Answer, family: Family, names: Mapping[int, str]) -> Route:
    """As we wrote it; the kernel shows an IPv6 unreachable route on `lo`, which we did not."""
    _, length, _, _, _, _, _, kind, flags = answer.fields
    gateway, source = answer.raw(RTA_GATEWAY), answer.raw(RTA_PREFSRC)
    index = answer.number(RTA_OIF)
    return Route(
        table=answer.number(RTA_TABLE),
        destination=_network(family, answer.raw(RTA_DST), length),
        interface=names.get(index, f"if{index}") if kind == RTN_UNICAST else "",
        gateway=ip_address(gateway) if gateway else None,
        source=ip_address(source) if source else None,
        metric=_model_metric(family, answer.number(RTA_PRIORITY)),
        onlink=bool(flags & RTNH_F_ONLINK),
        mtu=native(answer.nested(RTA_METRICS, RTAX_MTU)),
    )


def _network(family: Family, packed: bytes, length: int) -> IpNetwork:
    """A default route carries no destination at all."""
    if family is Family.V4:
        return IPv4Network((packed or bytes(4), length))
    return IPv6Network((packed or bytes(16), length))
