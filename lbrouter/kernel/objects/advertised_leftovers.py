"""Routes that the kernel took from router advertisements before it was told to take none.

They stand in `main` for as long as the router said, for ever even, in front of every policy: one
advertisement before lbrouter starts would be enough. Addresses that the kernel formed stay; they
lead nowhere.
"""

import socket
from ipaddress import IPv6Address, IPv6Network
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.rtnl import RTM_DELROUTE, RTM_GETADDR
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lbrouter.kernel.netlink.client import OBJECT_ABSENT_ERRNOS, REQUEST_FLAGS, send, tolerate
from lbrouter.kernel.netlink.codec import RawMessage
from lbrouter.kernel.netlink.object_dump import dump_raw
from lbrouter.kernel.netlink.uapi import IFA_ADDRESS, IFADDRMSG, RTA_DST, RTA_OIF
from lbrouter.kernel.objects import route
from lbrouter.kernel.objects.address import IFA_F_PERMANENT, IFA_FLAGS
from lbrouter.model.kernel_state import AddressFamily, Sysctl
from lbrouter.model.reserved_ids import MAIN_TABLE

RTPROT_KERNEL, RTPROT_RA = 2, 9
"""linux/rtnetlink.h: a prefix, and a default route or a more specific one (RFC 4191)."""

KERNEL_NETWORKS: Final = (IPv6Network("fe80::/10"), IPv6Network("ff00::/8"))
"""Networks that the kernel has on each interface by itself."""


def takes_no_advertisements(setting: object) -> str:
    """The interface that is told by `setting` to take no advertisements any more; "" for none."""
    if isinstance(setting, Sysctl) and setting.value == "0":
        *_, device, name = setting.path.split("/")
        return device if name == "accept_ra" else ""
    return ""


async def remove_leftovers(ipr: AsyncIPRoute, device: str) -> None:
    """Remove what advertisements left in `main` by `device`; what has an address of its own stays.

    A route or a device that is gone already is no error.
    """
    try:
        index = socket.if_nametoindex(device)
    except OSError:
        return
    kept = {*await _permanent_networks(ipr, index)}
    for answer in await route.dump_table(ipr, AddressFamily.V6, MAIN_TABLE):
        network = IPv6Network((answer.raw(RTA_DST) or bytes(16), answer.fields[1]))
        told = route.protocol_of(answer) in (RTPROT_KERNEL, RTPROT_RA)
        own = network in kept or any(network.subnet_of(other) for other in KERNEL_NETWORKS)
        if answer.integer(RTA_OIF) == index and told and not own:
            message = _removal(answer, network, index)
            await tolerate(OBJECT_ABSENT_ERRNOS, send(ipr, message, RTM_DELROUTE, REQUEST_FLAGS))


async def _permanent_networks(ipr: AsyncIPRoute, index: int) -> list[IPv6Network]:
    """The networks of addresses that no advertisement brought."""
    return [
        IPv6Network((answer.raw(IFA_ADDRESS), answer.fields[1]), strict=False)
        for answer in await dump_raw(ipr, ifaddrmsg(), RTM_GETADDR, IFADDRMSG)
        if answer.fields[0] == socket.AF_INET6
        and answer.fields[4] == index
        and (answer.integer(IFA_FLAGS) or answer.fields[2]) & IFA_F_PERMANENT
    ]


def _removal(answer: RawMessage, network: IPv6Network, index: int) -> Any:
    message = rtmsg()
    message["family"], message["dst_len"] = socket.AF_INET6, network.prefixlen
    message["proto"] = route.protocol_of(answer)
    message["attrs"] = [
        ("RTA_TABLE", MAIN_TABLE),
        ("RTA_DST", str(network.network_address)),
        ("RTA_PRIORITY", answer.integer(route.RTA_PRIORITY)),
        ("RTA_OIF", index),
    ]
    if gateway := answer.raw(route.RTA_GATEWAY):
        message["attrs"].append(("RTA_GATEWAY", str(IPv6Address(gateway))))
    return message
