"""Addresses of ours: those that carry our protocol number (IFA_PROTO, Linux 5.18 and later).

An address that another program set is never observed and never removed, even where the file names
it: `Facts` report it as foreign, and the desired state then leaves it alone.
"""

import socket
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.rtnl import RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg

from lbrouter.kernel.l2.gratuitous_arp import announce_address
from lbrouter.kernel.netlink.client import (
    CREATE_FLAGS,
    OBJECT_ABSENT_ERRNOS,
    REPLACE_FLAGS,
    REQUEST_FLAGS,
    NetlinkError,
    send,
    tolerate,
)
from lbrouter.kernel.netlink.codec import RawMessage
from lbrouter.kernel.netlink.object_dump import dump_raw
from lbrouter.kernel.netlink.uapi import (
    IFA_ADDRESS,
    IFA_LOCAL,
    IFADDRMSG,
    RT_SCOPE_LINK,
)
from lbrouter.kernel.objects import sysctl
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel_state import Address
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.plan import Action, Operation
from lbrouter.model.reserved_ids import ROUTE_PROTOCOL

IFA_FLAGS: Final = 8
IFA_PROTO: Final = 11

IFA_F_TEMPORARY: Final = 0x01
IFA_F_NODAD: Final = 0x02
IFA_F_DADFAILED: Final = 0x08
IFA_F_DEPRECATED: Final = 0x20
IFA_F_TENTATIVE: Final = 0x40
IFA_F_PERMANENT: Final = 0x80
IFA_F_NOPREFIXROUTE: Final = 0x200
IFA_LIFETIME_FOREVER: Final = 0xFFFFFFFF
AUTOCONF_EXCLUDED_FLAGS: Final = (
    IFA_F_TEMPORARY | IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_TENTATIVE | IFA_F_PERMANENT
)
"""The kernel never calls an address permanent that it formed itself, even one without end
(addrconf_prefix_rcv_add_addr in net/ipv6/addrconf.c)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedAddress:
    """An address that the kernel holds, and whether it is ours.

    `autoconfigured`: it has a lifetime, as those from router advertisements have, and may be used
    for new flows.
    """

    address: Address
    ours: bool
    autoconfigured: bool = False


async def list_addresses(ipr: AsyncIPRoute) -> tuple[ObservedAddress, ...]:
    """Every address of the namespace."""
    names = dict(socket.if_nameindex())
    answers = await dump_raw(ipr, ifaddrmsg(), RTM_GETADDR, IFADDRMSG)
    return tuple(_decode_address(answer, names) for answer in answers if answer.fields[4] in names)


def own_addresses(observed: Iterable[ObservedAddress]) -> frozenset[Address]:
    """The addresses that lbrouter set."""
    return frozenset(address.address for address in observed if address.ours)


async def execute(ipr: AsyncIPRoute, operation: Operation) -> None:
    """Add, change or remove an address."""
    old, new = operation.old, operation.new
    if not isinstance(new, Address):
        assert isinstance(old, Address)
        return await _remove(ipr, old)
    if operation.action is Action.CHANGE and new.address.version == 6:
        return await send(ipr, _message(new), RTM_NEWADDR, REPLACE_FLAGS)
    if operation.action is Action.CHANGE:
        # IPv4 keeps the flags of an address for life (net/ipv4/devinet.c), so it is set again.
        await _remove(ipr, new)
    return await _add(ipr, new)


async def _add(ipr: AsyncIPRoute, address: Address) -> None:
    try:
        await send(ipr, _message(address), RTM_NEWADDR, CREATE_FLAGS)
    except NetlinkError as error:
        standing = await list_addresses(ipr)
        if address in own_addresses(standing):
            return
        if any(other.address.key == address.key and not other.ours for other in standing):
            raise NotAppliedError(
                phrase(
                    "Address {address} on {interface} was set by another program meanwhile.",
                    address=address.address,
                    interface=address.interface,
                ),
                remedy="Try again: lbrouter then uses it as it is.",
            ) from error
        raise
    announce_address(address)


async def _remove(ipr: AsyncIPRoute, address: Address) -> None:
    """Remove `address` if it is ours, and nothing that depends on it.

    When the first IPv4 address of a subnet goes, the kernel drops the others of that subnet with
    it, unless the interface promotes them: an administrator's second address must stay.
    """
    standing = [
        own for own in await list_addresses(ipr) if own.address.key == address.key and own.ours
    ]
    if not standing:
        return
    path = f"net/ipv4/conf/{address.interface}/promote_secondaries"
    promoting = sysctl.temporarily_set(path, "1") if address.address.version == 4 else nullcontext()
    with promoting:
        await tolerate(
            OBJECT_ABSENT_ERRNOS, send(ipr, _message(address), RTM_DELADDR, REQUEST_FLAGS)
        )


def _message(address: Address) -> Any:
    version = address.address.version
    message = ifaddrmsg()
    message["family"] = socket.AF_INET if version == 4 else socket.AF_INET6
    message["prefixlen"] = address.address.network.prefixlen
    message["index"] = socket.if_nametoindex(address.interface)
    message["scope"] = RT_SCOPE_LINK if address.address.ip.is_link_local else 0
    # No duplicate address detection: an uplink's address is used the moment it is set.
    detection = IFA_F_NODAD if version == 6 else 0
    message["attrs"] = [
        ("IFA_LOCAL", str(address.address.ip)),
        ("IFA_ADDRESS", str(address.address.ip)),
        ("IFA_FLAGS", detection | (0 if address.prefix_route else IFA_F_NOPREFIXROUTE)),
        ("IFA_PROTO", ROUTE_PROTOCOL),
    ]
    if version == 6:
        # What a deprecated address still has is its validity: it is never chosen for a new flow.
        preferred = 0 if address.deprecated else IFA_LIFETIME_FOREVER
        lifetimes = {"ifa_preferred": preferred, "ifa_valid": IFA_LIFETIME_FOREVER}
        message["attrs"].append(("IFA_CACHEINFO", lifetimes))
    network = address.address.network
    if version == 4 and network.prefixlen < 31:
        message["attrs"].append(("IFA_BROADCAST", str(network.broadcast_address)))
    return message


def _decode_address(answer: RawMessage, names: Mapping[int, str]) -> ObservedAddress:
    _, length, flags, _, index = answer.fields
    number = ip_address(answer.raw(IFA_LOCAL) or answer.raw(IFA_ADDRESS))
    flags = answer.integer(IFA_FLAGS) or flags
    address = Address(
        interface=names[index],
        address=ip_interface((number, length)),
        prefix_route=not flags & IFA_F_NOPREFIXROUTE,
        deprecated=number.version == 6 and bool(flags & IFA_F_DEPRECATED),
    )
    return ObservedAddress(
        address=address,
        ours=answer.integer(IFA_PROTO) == ROUTE_PROTOCOL,
        autoconfigured=number.version == 6
        and not number.is_link_local
        and not flags & AUTOCONF_EXCLUDED_FLAGS,
    )
