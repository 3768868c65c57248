"""The MAC address and the MTU of interfaces: observed and set."""

import errno
from collections.abc import Container, Hashable, Iterable, Iterator

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import RTM_NEWLINK
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from lbrouter.kernel.netlink.client import REQUEST_FLAGS, send
from lbrouter.kernel.objects.link import list_links
from lbrouter.kernel.objects.link_message import IFF_UP, Link
from lbrouter.model.objects.link_setting import LinkProperty, LinkSetting
from lbrouter.model.plan import Operation


def observe(links: Iterable[Link], wanted: Container[Hashable]) -> frozenset[LinkSetting]:
    """The properties whose keys are `wanted`, of the interfaces that exist."""
    return frozenset(
        setting for link in links for setting in _properties(link) if setting.key in wanted
    )


def _properties(link: Link) -> Iterator[LinkSetting]:
    if link.mac:
        yield LinkSetting(interface=link.name, kind=LinkProperty.MAC, value=link.mac)
    yield LinkSetting(interface=link.name, kind=LinkProperty.MTU, value=str(link.mtu))


async def execute(ipr: AsyncIPRoute, operation: Operation) -> None:
    """Set a property; without a new one there is nothing to do.

    Some drivers change the address of an interface only while it is down. Raises NetlinkError.
    """
    setting = operation.new
    if not isinstance(setting, LinkSetting):
        return
    try:
        await _set(ipr, setting)
    except NetlinkError as error:
        if error.code != errno.EBUSY:
            raise
        was_up = any(link.up for link in await list_links(ipr) if link.name == setting.interface)
        await _set_up(ipr, setting.interface, up=False)
        try:
            await _set(ipr, setting)
        finally:
            await _set_up(ipr, setting.interface, up=was_up)


async def _set(ipr: AsyncIPRoute, setting: LinkSetting) -> None:
    message = _message_of(setting.interface)
    if setting.kind is LinkProperty.MAC:
        message["attrs"].append(("IFLA_ADDRESS", setting.value))
    else:
        message["attrs"].append(("IFLA_MTU", int(setting.value)))
    await send(ipr, message, RTM_NEWLINK, REQUEST_FLAGS)


async def _set_up(ipr: AsyncIPRoute, interface: str, *, up: bool) -> None:
    message = _message_of(interface)
    message["flags"] = IFF_UP if up else 0
    message["change"] = IFF_UP
    await send(ipr, message, RTM_NEWLINK, REQUEST_FLAGS)


def _message_of(interface: str) -> ifinfmsg:
    message = ifinfmsg()
    message["attrs"] = [("IFLA_IFNAME", interface)]
    return message
