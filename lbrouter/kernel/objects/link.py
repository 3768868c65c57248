"""Devices that lbrouter creates, and whether interfaces are up.

A device is ours by its ifalias. The kernel ignores an alias given at creation, so creation and
naming go out in one send: whoever is killed leaves no nameless device behind.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.rtnl import RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from lbrouter.kernel.netlink.client import ADD, GONE, REMOVE, batch, send, tolerate
from lbrouter.kernel.netlink.codec import Answer, native, read
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel_state import Device, DeviceKind, LinkFlag
from lbrouter.model.plan import Operation, Verb
from lbrouter.model.reserved_ids import ALIAS

IFINFOMSG: Final = Struct("=BBHiII")
"""linux/rtnetlink.h: family, padding, type, index, flags, change."""

IFLA_IFNAME: Final = 3
IFLA_MTU: Final = 4
IFLA_LINK: Final = 5
IFLA_LINKINFO: Final = 18
IFLA_IFALIAS: Final = 20
IFLA_LINK_NETNSID: Final = 37
IFLA_INFO_KIND: Final = 1
IFLA_INFO_DATA: Final = 2
IFLA_VLAN_ID: Final = 1

IFF_UP: Final = 0x1
IFF_LOWER_UP: Final = 0x10000

SKIP_STATS: Final = 8
"""RTEXT_FILTER_SKIP_STATS: half of a link message is counters that nobody reads here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An interface as the kernel shows it."""

    index: int
    name: str
    alias: str
    kind: str
    parent: int
    """Index of the interface below, 0 where that is in another namespace, whose indices differ."""
    tag: int
    flags: int
    mtu: int

    @property
    def up(self) -> bool:
        """Administratively up."""
        return bool(self.flags & IFF_UP)

    @property
    def carrier(self) -> bool:
        """Up, with a carrier below it."""
        return bool(self.flags & IFF_LOWER_UP)


async def links(ipr: AsyncIPRoute) -> tuple[Link, ...]:
    """Every interface of the namespace."""
    message = ifinfmsg()
    message["attrs"] = [("IFLA_EXT_MASK", SKIP_STATS)]
    return tuple(_link(answer) for answer in await read(ipr, message, RTM_GETLINK, IFINFOMSG))


def devices(found: Iterable[Link]) -> frozenset[Device]:
    """The devices among `found` that lbrouter created."""
    names = {link.index: link.name for link in found}
    return frozenset(_device(link, names) for link in found if link.alias == ALIAS)


def flags(found: Iterable[Link], interfaces: Iterable[str]) -> frozenset[LinkFlag]:
    """Whether each of `interfaces` that exists is up, and each device of ours."""
    wanted = frozenset(interfaces)
    return frozenset(
        LinkFlag(interface=link.name, up=link.up)
        for link in found
        if link.name in wanted or link.alias == ALIAS
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
    if not isinstance(flag, LinkFlag):
        return
    message = _named(flag.interface)
    message["flags"] = IFF_UP if flag.up else 0
    message["change"] = IFF_UP
    gone = GONE if operation.verb is Verb.CHANGE and not flag.up else frozenset()
    await tolerate(gone, send(ipr, message, RTM_NEWLINK, REMOVE))


async def _create(ipr: AsyncIPRoute, device: Device) -> None:
    found = await links(ipr)
    standing = {link.name: link for link in found}.get(device.name)
    if standing is not None:
        return await _settle(ipr, device, standing, found)
    alias = _named(device.name)
    alias["attrs"].append(("IFLA_IFALIAS", ALIAS))
    message = _creation(device, {link.name: link.index for link in found})
    await batch(ipr, ((message, RTM_NEWLINK, ADD), (alias, RTM_NEWLINK, REMOVE)))
    return None


async def _settle(ipr: AsyncIPRoute, device: Device, standing: Link, found: Iterable[Link]) -> None:
    """The name is taken: by the very device, by an older one of ours, or by a stranger."""
    if standing.alias != ALIAS:
        raise NotAppliedError(
            f"Interface {device.name} exists already and was not created by lbrouter.",
            remedy=f"Remove it (ip link del {device.name}), or name another VLAN.",
        )
    if device not in devices(found):
        await _remove(ipr, device.name)
        await _create(ipr, device)


async def _remove(ipr: AsyncIPRoute, name: str) -> None:
    """Only what carries our alias: in the meantime the name may belong to somebody else."""
    if name in {link.name for link in await links(ipr) if link.alias == ALIAS}:
        await tolerate(GONE, send(ipr, _named(name), RTM_DELLINK, REMOVE))


def _creation(device: Device, indices: Mapping[str, int]) -> Any:
    message = _named(device.name)
    info: list[tuple[str, Any]] = [("IFLA_INFO_KIND", str(device.kind))]
    if device.kind is DeviceKind.VLAN:
        if device.parent not in indices:
            raise NotAppliedError(f"Interface {device.parent} of {device.name} is absent.")
        info.append(("IFLA_INFO_DATA", {"attrs": [("IFLA_VLAN_ID", device.tag)]}))
        message["attrs"].append(("IFLA_LINK", indices[device.parent]))
    message["attrs"].append(("IFLA_LINKINFO", {"attrs": info}))
    return message


def _named(name: str) -> Any:
    message = ifinfmsg()
    message["attrs"] = [("IFLA_IFNAME", name)]
    return message


def _link(answer: Answer) -> Link:
    _, _, _, index, flags, _ = answer.fields
    tag = answer.nested(IFLA_LINKINFO, IFLA_INFO_DATA, IFLA_VLAN_ID)
    kind = answer.nested(IFLA_LINKINFO, IFLA_INFO_KIND).rstrip(b"\0").decode()
    return Link(
        index=index,
        name=answer.text(IFLA_IFNAME),
        alias=answer.text(IFLA_IFALIAS),
        kind=kind,
        parent=0 if answer.raw(IFLA_LINK_NETNSID) else answer.number(IFLA_LINK),
        tag=native(tag) if kind == DeviceKind.VLAN else 0,
        flags=flags,
        mtu=answer.number(IFLA_MTU),
    )


def _device(link: Link, names: Mapping[int, str]) -> Device:
    """A kind that we never create, under our alias, is shown as an IFB and so can be removed."""
    if link.kind == DeviceKind.VLAN:
        parent = names.get(link.parent, "")
        return Device(name=link.name, kind=DeviceKind.VLAN, parent=parent, tag=link.tag)
    return Device(name=link.name, kind=DeviceKind.IFB)
