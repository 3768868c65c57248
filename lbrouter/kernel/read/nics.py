"""The network ports of this machine, as somebody sees them who has just plugged it in.

Ports that are down are brought up for the look, for a port that is down shows no carrier, and are
put back after it.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from pyroute2 import AsyncIPRoute

from lbrouter.compile.config.starter import Port
from lbrouter.kernel.l2.dhcp_offer import offered
from lbrouter.kernel.objects import link
from lbrouter.kernel.read import facts
from lbrouter.model.facts import InterfaceFacts, Scope
from lbrouter.model.kernel_state import LinkFlag
from lbrouter.model.plan import Operation, Phase, Verb

SYS: Final = Path("/sys/class/net")

CARRIER_S: Final = 4.0
"""A copper port negotiates for two to three seconds after it was brought up."""

PLUGGED: Final = frozenset({"", "veth"})
"""Kinds that a cable goes into: hardware, and what stands in for it in containers and labs."""


async def look() -> tuple[Port, ...]:
    """Every port but the loopback, by name, with who offers an address there. Needs root."""
    async with AsyncIPRoute() as ipr:
        found = await _plugged(ipr)
        woken = [each.name for each in found if not each.up]
        await _set(ipr, woken, up=True)
        try:
            await _carriers(ipr)
            seen = await _plugged(ipr)
            return tuple(await asyncio.gather(*(_port(each) for each in seen)))
        finally:
            await _set(ipr, woken, up=False)


async def _plugged(ipr: AsyncIPRoute) -> list[InterfaceFacts]:
    found = (await facts.gather(ipr, Scope())).interfaces.values()
    ports = [each for each in found if each.kind in PLUGGED and each.name != "lo"]
    return sorted(ports, key=lambda each: each.name)


async def _carriers(ipr: AsyncIPRoute) -> None:
    """Until every port has a carrier, or long enough that none will come."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CARRIER_S):
            while not all(each.carrier for each in await _plugged(ipr)):
                await asyncio.sleep(0.2)


async def _port(found: InterfaceFacts) -> Port:
    configured = next((a for a in found.addresses if a.version == 4 and found.gateways), None)
    offer = await offered(found.name) if found.carrier and configured is None else None
    return Port(
        name=found.name,
        mac=_text(SYS / found.name / "address"),
        driver=_driver(found.name),
        carrier=found.carrier,
        speed_mbit=_speed(found.name),
        offer=offer,
        configured=configured,
    )


async def _set(ipr: AsyncIPRoute, names: Iterable[str], *, up: bool) -> None:
    for name in names:
        flag = LinkFlag(interface=name, up=up, why="a look at the ports")
        reason = "to see whether a cable is plugged in"
        change = Operation(phase=Phase.LINK, verb=Verb.CHANGE, new=flag, old=None, reason=reason)
        await link.execute_flag(ipr, change)


def _driver(name: str) -> str:
    path = SYS / name / "device/driver"
    return path.resolve().name if path.exists() else ""


def _speed(name: str) -> int | None:
    """Mbit/s; -1 stands for "not known", and without a carrier there is nothing to read."""
    text = _text(SYS / name / "speed")
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
