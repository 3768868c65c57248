"""Who would give this port an address? Asked by DHCP, and never taken: no request follows."""

import asyncio
import random
import time
from contextlib import suppress
from ipaddress import IPv4Interface
from typing import Final

from lbrouter.compile.dhcp.client_machine import step
from lbrouter.compile.dhcp.client_state import Client, Dice, Due, Event, Heard, Plugged
from lbrouter.kernel.l2.dhcp_socket import DhcpSocket

PATIENCE_S: Final = 6.0
"""A server tests an address for a second or two before it offers it (RFC 2131, 3.1), and a switch
may take a moment before it forwards."""


async def offered(interface: str) -> IPv4Interface | None:
    """The first address that a DHCP server offers on `interface`, or None."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_S), DhcpSocket(interface) as opened:
            return await _first_offer(opened)
    return None


async def _first_offer(opened: DhcpSocket) -> IPv4Interface:
    client, event = Client(), _plugged(opened)
    while True:
        client, messages = step(client, event, _dice(), lambda _lease: "")
        if client.offered is not None:
            return client.offered.address
        for each in messages:
            opened.send(
                each.message,
                source=each.source,
                destination=each.destination,
                station=each.station,
            )
        event = await _next(opened, client)


def _plugged(opened: DhcpSocket) -> Event:
    return Plugged(at=_now(), hardware=opened.hardware)


async def _next(opened: DhcpSocket, client: Client) -> Event:
    """What is heard, or the time at which the client wants to ask again."""
    try:
        async with asyncio.timeout(max(client.due - _now(), 0.0)):
            message, station = await opened.receive()
    except TimeoutError:
        return Due(at=_now())
    return Heard(at=_now(), message=message, station=station)


def _dice() -> Dice:
    return Dice(xid=random.getrandbits(32), jitter=random.random())  # noqa: S311  -- no secret


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
