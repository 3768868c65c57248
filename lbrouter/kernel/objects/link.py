"""Devices that lbrouter creates, and whether interfaces are up.

A device is ours by its ifalias. The kernel ignores an alias given at creation, so creation and
alias go out in one send: a process that is killed leaves no device without an alias behind.
"""

import errno
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from lbrouter.kernel.netlink.client import (
    CREATE_FLAGS,
    OBJECT_ABSENT_ERRNOS,
    REQUEST_FLAGS,
    send,
    send_batch,
    tolerate,
)
from lbrouter.kernel.netlink.object_dump import dump_raw
from lbrouter.kernel.objects import wireguard_program
from lbrouter.kernel.objects.link_message import (
    IFF_UP,
    IFINFOMSG,
    RTEXT_FILTER_SKIP_STATS,
    TUN_KIND,
    Link,
    decode_link,
)
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel_state import Device, DeviceKind, LinkAdminState
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.plan import Action, Operation
from lbrouter.model.reserved_ids import DEVICE_ALIAS

UNKNOWN_KIND_ERRNOS: Final = frozenset({errno.EOPNOTSUPP, errno.ENOENT})


async def list_links(ipr: AsyncIPRoute) -> tuple[Link, ...]:
    """Every interface of the namespace."""
    message = ifinfmsg()
    message["attrs"] = [("IFLA_EXT_MASK", RTEXT_FILTER_SKIP_STATS)]
    return tuple(
        decode_link(answer) for answer in await dump_raw(ipr, message, RTM_GETLINK, IFINFOMSG)
    )


def own_devices(links: Iterable[Link]) -> frozenset[Device]:
    """The devices among `links` that lbrouter created."""
    names = {link.index: link.name for link in links}
    return frozenset(_as_device(link, names) for link in links if link.ours)


def link_flags(links: Iterable[Link], interfaces: Iterable[str]) -> frozenset[LinkAdminState]:
    """Whether each of `interfaces` that exists is up, and each device of ours."""
    wanted = frozenset(interfaces)
    return frozenset(
        LinkAdminState(interface=link.name, up=link.up)
        for link in links
        if link.name in wanted or link.ours
    )


async def execute_device(ipr: AsyncIPRoute, operation: Operation) -> None:
    """Create or remove a device; a changed tag or parent means a new device of the same name."""
    old, new = operation.old, operation.new
    if isinstance(old, Device):
        await _remove(ipr, old.name)
    if isinstance(new, Device):
        await _create(ipr, new)


async def execute_flag(ipr: AsyncIPRoute, operation: Operation) -> None:
    """Set an interface up or down; without a new flag there is nothing to do."""
    flag = operation.new
    if not isinstance(flag, LinkAdminState):
        return
    message = _message_by_name(flag.interface)
    message["flags"] = IFF_UP if flag.up else 0
    message["change"] = IFF_UP
    gone = (
        OBJECT_ABSENT_ERRNOS if operation.action is Action.CHANGE and not flag.up else frozenset()
    )
    await tolerate(gone, send(ipr, message, RTM_NEWLINK, REQUEST_FLAGS))


async def _create(ipr: AsyncIPRoute, device: Device) -> None:
    links = await list_links(ipr)
    standing = {link.name: link for link in links}.get(device.name)
    if standing is not None:
        return await _resolve_name_conflict(ipr, device, standing, links)
    alias = _message_by_name(device.name)
    alias["attrs"].append(("IFLA_IFALIAS", DEVICE_ALIAS))
    indices = {link.name: link.index for link in links}
    message = _message_by_name(device.name)
    info: list[tuple[str, Any]] = [("IFLA_INFO_KIND", str(device.kind))]
    if device.kind is DeviceKind.VLAN:
        if device.parent not in indices:
            raise NotAppliedError(
                phrase(
                    "Interface {parent} of {device} is absent.",
                    parent=device.parent,
                    device=device.name,
                )
            )
        info.append(("IFLA_INFO_DATA", {"attrs": [("IFLA_VLAN_ID", device.tag)]}))
        message["attrs"].append(("IFLA_LINK", indices[device.parent]))
    message["attrs"].append(("IFLA_LINKINFO", {"attrs": info}))
    both = ((message, RTM_NEWLINK, CREATE_FLAGS), (alias, RTM_NEWLINK, REQUEST_FLAGS))
    try:
        await send_batch(ipr, both)
    except NetlinkError as error:
        if device.kind is not DeviceKind.WIREGUARD or error.code not in UNKNOWN_KIND_ERRNOS:
            raise
        # Have WireGuard's program make its tun device, then mark it as ours. A process
        # that is killed in between leaves a device that is ours by its prefix.
        wireguard_program.start(device.name)
        await send(ipr, alias, RTM_NEWLINK, REQUEST_FLAGS)
    return None


async def _resolve_name_conflict(
    ipr: AsyncIPRoute, device: Device, standing: Link, links: Iterable[Link]
) -> None:
    """The name is taken: by the same device, by an older one of ours, or by a foreign one."""
    if not standing.ours:
        raise NotAppliedError(
            phrase(
                "Interface {device} exists already and was not created by lbrouter.",
                device=device.name,
            ),
            remedy=phrase(
                "Remove it (ip link del {device}), or name another VLAN.", device=device.name
            ),
        )
    if device not in own_devices(links):
        await _remove(ipr, device.name)
        await _create(ipr, device)


async def _remove(ipr: AsyncIPRoute, name: str) -> None:
    """Remove only a device with our alias: the name may belong to a foreign one by now."""
    kinds = {link.name: link.kind for link in await list_links(ipr) if link.ours}
    if name not in kinds:
        return
    await tolerate(
        OBJECT_ABSENT_ERRNOS, send(ipr, _message_by_name(name), RTM_DELLINK, REQUEST_FLAGS)
    )
    if kinds[name] == TUN_KIND:
        wireguard_program.forget(name)


def _message_by_name(name: str) -> Any:
    message = ifinfmsg()
    message["attrs"] = [("IFLA_IFNAME", name)]
    return message


def _as_device(link: Link, names: Mapping[int, str]) -> Device:
    """A kind that we never create, under our alias, is shown as an IFB and so can be removed."""
    if link.kind == DeviceKind.VLAN:
        parent = names.get(link.parent, "")
        return Device(name=link.name, kind=DeviceKind.VLAN, parent=parent, tag=link.tag)
    return Device(name=link.name, kind=_OWN_KINDS.get(link.kind, DeviceKind.IFB))


_OWN_KINDS: Final = {
    DeviceKind.DUMMY.value: DeviceKind.DUMMY,
    DeviceKind.WIREGUARD.value: DeviceKind.WIREGUARD,
    TUN_KIND: DeviceKind.WIREGUARD,
}
