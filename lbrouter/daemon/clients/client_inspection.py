"""The facts for `lbrouter why`: what is known of one client, and what is heard of it now.

It takes a second, or two and a half where the client is silent; all that waits is in threads.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address
from typing import Final

from lbrouter.compile.diagnosis.client_facts import (
    ClientBlock,
    ClientFacts,
    ClientTraffic,
    HeardFrame,
    locate,
)
from lbrouter.compile.report.clients import LEASE_NEVER_EXPIRES, Neighbour
from lbrouter.compile.report.status_types import InterfaceTraffic
from lbrouter.compile.services import dnsmasq as compiled
from lbrouter.compile.services.dnsmasq_leases import LanLease, pool_usage
from lbrouter.daemon.clients.asked_client import AskedClient, parse_client
from lbrouter.kernel.l2.client_listener import ClientListener
from lbrouter.kernel.neighbours.neighbour_table import read_neighbour_table
from lbrouter.kernel.own_thread import in_own_thread
from lbrouter.kernel.probe.name_service import answers_names
from lbrouter.kernel.read.client_connections import ClientConnections, count_client_connections
from lbrouter.kernel.read.counters import InterfaceBytes, interface_bytes
from lbrouter.model.config import Config, Vlan
from lbrouter.model.errors import NotPermittedError
from lbrouter.model.kernel_state import IpAddress
from lbrouter.services.dnsmasq import Dnsmasq

BlockSource = Callable[[str | None], ClientBlock | None]
"""Whether an operator has blocked a hardware address."""

BITS_PER_BYTE: Final = 8


async def inspect_client(
    config: Config, dnsmasq: Dnsmasq, text: str, block_of: BlockSource
) -> ClientFacts:
    """What is found of the client `text`. Raises UsageError, NotPermittedError without root."""
    leases, now = dnsmasq.current_leases(), int(time.time())
    client = parse_client(config, leases, text)
    devices = {config.vlan_device(vlan): vlan.address for vlan in config.vlans.values()}
    table = await in_own_thread(partial(read_neighbour_table, frozenset(devices)))
    neighbours = tuple(n for n in table if client.address == n.address or client.mac == n.mac)
    own = _leases_of(client, neighbours, leases, now)
    known = _known_addresses(client, neighbours, own)
    sample = _TrafficSample.take(known)
    mac = client.mac or next((near.mac for near in neighbours), None)
    heard = await _hear(ClientListener(devices), mac, known)
    found = ClientFacts(
        asked=text,
        mac=client.mac,
        asked_address=client.address,
        heard=heard,
        neighbours=neighbours,
        leases=own,
        pools=pool_usage(config, leases, now=now),
    )
    located = locate(config, found)
    mac = located.mac
    now_known = known | {frame.address for frame in heard if frame.address and frame.mac == mac}
    later = _TrafficSample.take(now_known)
    return replace(
        found,
        traffic=later.client_traffic(sample),
        vlan_traffic=later.interface_traffic(sample, devices),
        names_answered=await _names_answered(config, located.vlan),
        block=block_of(mac),
    )


def _leases_of(
    client: AskedClient, neighbours: Iterable[Neighbour], leases: Iterable[LanLease], now: int
) -> tuple[LanLease, ...]:
    """Its leases that are not over, by what it is known as."""
    macs = {client.mac, *(near.mac for near in neighbours)}
    return tuple(
        lease
        for lease in leases
        if (lease.mac in macs or lease.address == client.address)
        and (lease.expires == LEASE_NEVER_EXPIRES or lease.expires > now)
    )


def _known_addresses(
    client: AskedClient, neighbours: Iterable[Neighbour], leases: Iterable[LanLease]
) -> frozenset[IpAddress]:
    """What it has, or had: with an address that was asked for, that alone of IPv4."""
    before = (*(near.address for near in neighbours), *(lease.address for lease in leases))
    asked = client.address
    if asked is not None and asked.version == 4:
        before = tuple(address for address in before if address.version == 6)
    return frozenset((*before, *(() if asked is None else (asked,))))


async def _hear(
    listener: ClientListener, mac: str | None, known: Iterable[IpAddress]
) -> tuple[HeardFrame, ...]:
    four = [address for address in known if isinstance(address, IPv4Address)]
    try:
        return await in_own_thread(partial(listener.listen, mac, four))
    except PermissionError as error:
        raise NotPermittedError(
            "Frames of the client cannot be heard: permission denied.", remedy="Run it as root."
        ) from error


async def _names_answered(config: Config, vlan: Vlan | None) -> bool | None:
    """Whether the gateway gets names answered; None where it is no resolver for the client."""
    if vlan is None or not compiled.is_wanted(config):
        return None
    return await in_own_thread(partial(answers_names, vlan.address.ip))


@dataclass(frozen=True, slots=True, kw_only=True)
class _TrafficSample:
    """All counters at one moment of CLOCK_MONOTONIC; None where connections cannot be read."""

    at: float
    connections: ClientConnections | None
    interfaces: Mapping[str, InterfaceBytes]

    @staticmethod
    def take(addresses: Collection[IpAddress]) -> "_TrafficSample":
        counted = None
        with suppress(OSError):
            counted = count_client_connections(addresses)
        return _TrafficSample(
            at=time.monotonic(), connections=counted, interfaces=interface_bytes()
        )

    def client_traffic(self, before: "_TrafficSample") -> ClientTraffic | None:
        """What the client has open, and its rates since `before`."""
        now, then = self.connections, before.connections
        if now is None or then is None:
            return None
        return ClientTraffic(
            connections=now.connections,
            dns_queries=now.dns_queries,
            dns_answers=now.dns_answers,
            ipv6_flows=now.ipv6_flows,
            ipv6_answers=now.ipv6_answers,
            upload_bps=self._rate(before, now.sent - then.sent),
            download_bps=self._rate(before, now.received - then.received),
        )

    def interface_traffic(
        self, before: "_TrafficSample", devices: Iterable[str]
    ) -> Mapping[str, InterfaceTraffic]:
        """The rates of each device that was there all the time."""
        now, then = self.interfaces, before.interfaces
        return {
            name: InterfaceTraffic(
                received_bps=self._rate(before, now[name].received - then[name].received),
                sent_bps=self._rate(before, now[name].sent - then[name].sent),
            )
            for name in devices
            if name in now and name in then
        }

    def _rate(self, before: "_TrafficSample", count: int) -> int:
        return max(0, round(count * BITS_PER_BYTE / (self.at - before.at)))
