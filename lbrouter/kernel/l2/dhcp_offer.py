"""Finds out whether a DHCP server offers an address on a port. No request follows the offer."""

import asyncio
import random
import time
from contextlib import suppress
from ipaddress import IPv4Interface
from typing import Final

from lbrouter.compile.dhcp.client_machine import step
from lbrouter.compile.dhcp.client_state import (
    CarrierUp,
    DhcpClientState,
    DhcpEvent,
    DhcpMessageReceived,
    DhcpTimerExpired,
    Randomness,
)
from lbrouter.kernel.l2.dhcp_socket import DhcpSocket

DHCP_OFFER_TIMEOUT_S: Final = 6.0
"""A server tests an address for a second or two before it offers it (RFC 2131, 3.1), and a switch
may take a moment before it forwards."""


async def find_dhcp_offer(interface: str) -> IPv4Interface | None:
    """The first address that a DHCP server offers on `interface`, or None."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(DHCP_OFFER_TIMEOUT_S), DhcpSocket(interface) as opened:
            return await _first_offer(opened)
    return None


async def _first_offer(opened: DhcpSocket) -> IPv4Interface:
    client = DhcpClientState()
    event: DhcpEvent = CarrierUp(at=_now(), hardware_address=opened.hardware)
    while True:
        chance = Randomness(xid=random.getrandbits(32), jitter=random.random())  # noqa: S311  -- no secret
        client, messages = step(client, event, chance, lambda _lease: None)
        if client.offered_lease is not None:
            return client.offered_lease.address
        for each in messages:
            opened.send(
                each.message,
                source=each.source,
                destination=each.destination,
                station=each.station,
            )
        event = await _next_event(opened, client)


async def _next_event(opened: DhcpSocket, client: DhcpClientState) -> DhcpEvent:
    """The next message, or the time at which the client is to ask again."""
    try:
        async with asyncio.timeout(max(client.next_event_at - _now(), 0.0)):
            message, station = await opened.receive()
    except TimeoutError:
        return DhcpTimerExpired(at=_now())
    return DhcpMessageReceived(at=_now(), message=message, station=station)


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
