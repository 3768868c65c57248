"""All objects of rtnetlink: calls the modules link, address, route and rule."""

from pyroute2 import AsyncIPRoute

from lbrouter.kernel.objects import address, link, link_properties, route, rule, wireguard
from lbrouter.model.facts import ObserveScope
from lbrouter.model.kernel_state import (
    Address,
    Device,
    KernelState,
    LinkAdminState,
    Route,
    Rule,
)
from lbrouter.model.objects.link_setting import LinkSetting
from lbrouter.model.plan import Operation
from lbrouter.model.wireguard_tunnel import WireguardTunnel

RtnlNoun = Device | WireguardTunnel | LinkAdminState | LinkSetting | Address | Route | Rule


async def observe(ipr: AsyncIPRoute, scope: ObserveScope) -> KernelState:
    """Devices, link flags, addresses, routes and rules; the other fields stay empty."""
    links = await link.list_links(ipr)
    return KernelState(
        devices=link.own_devices(links),
        tunnels=await wireguard.observe(links),
        links=link.link_flags(links, scope.interfaces),
        link_settings=link_properties.observe(links, scope.link_settings),
        addresses=address.own_addresses(await address.list_addresses(ipr)),
        routes=await route.observe(ipr),
        rules=await rule.observe(ipr),
    )


async def execute(ipr: AsyncIPRoute, operation: Operation) -> None:
    """Execute an operation on one of these objects; raises NetlinkError or LbrouterError."""
    match operation.managed_object:
        case Device():
            await link.execute_device(ipr, operation)
        case WireguardTunnel():
            await wireguard.execute(operation)
        case LinkAdminState():
            await link.execute_flag(ipr, operation)
        case LinkSetting():
            await link_properties.execute(ipr, operation)
        case Address():
            await address.execute(ipr, operation)
        case Route():
            await route.execute(ipr, operation)
        case Rule():
            await rule.execute(ipr, operation)
        case _:
            raise TypeError(f"rtnl has no {type(operation.managed_object).__name__}")
