"""The network ports of this machine, with their carriers and DHCP offers.

Ports that are down are brought up meanwhile, since a port that is down shows no carrier, and are
set down again after it.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from pyroute2 import AsyncIPRoute

from lbrouter.compile.config.starter import DetectedPort
from lbrouter.kernel.l2.dhcp_offer import find_dhcp_offer
from lbrouter.kernel.objects import link
from lbrouter.kernel.read import facts
from lbrouter.model.facts import InterfaceFacts, ObserveScope
from lbrouter.model.kernel_state import LinkAdminState
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.plan import Action, Operation, Phase

SYSFS_NET: Final = Path("/sys/class/net")

CARRIER_WAIT_S: Final = 4.0
"""A copper port negotiates for two to three seconds after it was brought up."""

CABLE_LINK_KINDS: Final = frozenset({"", "veth"})
"""Kinds that have a cable: hardware, and its replacements in containers and labs."""


NicProgress = Callable[[str], None]
"""Called with what is being done, a sentence each: the look takes up to ten seconds."""


async def list_nics(progress: NicProgress = lambda _text: None) -> tuple[DetectedPort, ...]:
    """Every port but the loopback, by name, with the DHCP offer there. Needs root."""
    async with AsyncIPRoute() as ipr:
        found = await _list_cable_interfaces(ipr)
        raised = [each.name for each in found if not each.up]
        names = ", ".join(each.name for each in found) or phrase("no port")
        progress(phrase("looking for cables: {ports}", ports=names))
        await _set_links(ipr, raised, up=True)
        try:
            await _wait_for_carriers(ipr)
            ports = await _list_cable_interfaces(ipr)
            return tuple(await asyncio.gather(*(_describe_nic(each, progress) for each in ports)))
        finally:
            await _set_links(ipr, raised, up=False)


async def _list_cable_interfaces(ipr: AsyncIPRoute) -> list[InterfaceFacts]:
    found = (await facts.gather(ipr, ObserveScope())).interfaces.values()
    ports = [each for each in found if each.kind in CABLE_LINK_KINDS and each.name != "lo"]
    return sorted(ports, key=lambda each: each.name)


async def _wait_for_carriers(ipr: AsyncIPRoute) -> None:
    """Until every port has a carrier, or long enough that none will come."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CARRIER_WAIT_S):
            while not all(each.carrier for each in await _list_cable_interfaces(ipr)):
                await asyncio.sleep(0.2)


async def _describe_nic(found: InterfaceFacts, progress: NicProgress) -> DetectedPort:
    configured = next((a for a in found.addresses if a.version == 4 and found.gateways), None)
    offer = None
    if found.carrier and configured is None:
        progress(phrase("{port}: a cable; is there a DHCP server? (up to 6 s)", port=found.name))
        offer = await find_dhcp_offer(found.name)
        progress(
            phrase("{port}: a server offers {offer}", port=found.name, offer=offer)
            if offer
            else phrase("{port}: no DHCP server", port=found.name)
        )
    path = SYSFS_NET / found.name / "device/driver"
    return DetectedPort(
        name=found.name,
        mac=_read_text(SYSFS_NET / found.name / "address"),
        driver=path.resolve().name if path.exists() else "",
        carrier=found.carrier,
        speed_mbit=link_speed_mbit(found.name),
        dhcp_offer=offer,
        system_address=configured,
    )


async def _set_links(ipr: AsyncIPRoute, names: Iterable[str], *, up: bool) -> None:
    for name in names:
        flag = LinkAdminState(interface=name, up=up, why="a look at the ports")
        reason = "to see whether a cable is plugged in"
        change = Operation(
            phase=Phase.LINK, action=Action.CHANGE, new=flag, old=None, reason=reason
        )
        await link.execute_flag(ipr, change)


def link_speed_mbit(name: str) -> int | None:
    """Mbit/s; -1 stands for "not known", and without a carrier there is nothing to read."""
    text = _read_text(SYSFS_NET / name / "speed")
    return int(text) if text.isdigit() else None


def _read_text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
