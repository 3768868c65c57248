"""Which client a person means: by an address, a hardware address, or a name."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from lbrouter.compile.explain.client_names import client_addresses, client_suggestion
from lbrouter.compile.services.dnsmasq_leases import LanLease
from lbrouter.kernel.neighbours.neighbour_table import read_neighbour_table
from lbrouter.model.config import Config
from lbrouter.model.errors import UsageError
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.messages.phrase import phrase
from lbrouter.services.dnsmasq import Dnsmasq

WRITTEN_MAC_PATTERN: Final = re.compile(
    r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedClient:
    """What was written, as one of both: the other is None."""

    text: str
    mac: str | None = None
    address: IpAddress | None = None


def parse_client(config: Config, leases: Iterable[LanLease], text: str) -> AskedClient:
    """The client that `text` names. Raises UsageError for a name that no client has."""
    if WRITTEN_MAC_PATTERN.fullmatch(text):
        return AskedClient(text=text, mac=text.lower().replace("-", ":"))
    try:
        return AskedClient(text=text, address=ip_address(text))
    except ValueError:
        pass
    leases = tuple(leases)
    addresses = client_addresses(config, leases, text)
    if not addresses:
        hint = client_suggestion(config, leases, text)
        raise UsageError(
            phrase(
                '"{text}" is not an address, a hardware address or a known client{hint}',
                text=text,
                hint=hint,
            ),
            remedy="`lbrouter clients` lists the known clients.",
        )
    return AskedClient(text=text, address=addresses[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownClient:
    """A client whose hardware address is known. `label` is how a person recognises it."""

    mac: str
    label: str
    addresses: frozenset[IpAddress]
    vlan: str | None


async def find_client(config: Config, dnsmasq: Dnsmasq, text: str) -> KnownClient:
    """The client that `text` names, by leases, neighbours and hosts. Raises UsageError."""
    leases = dnsmasq.current_leases()
    client = parse_client(config, leases, text)
    vlans = {config.vlan_device(vlan): vlan.name for vlan in config.vlans.values()}
    neighbours = await asyncio.to_thread(read_neighbour_table, frozenset(vlans))
    macs = [near.mac for near in neighbours if near.address == client.address]
    macs += [lease.mac for lease in leases if lease.address == client.address]
    hosts = (host for vlan in config.vlans.values() for host in vlan.hosts.values())
    macs += [host.mac for host in hosts if host.address == client.address]
    mac = client.mac or next(iter(macs), None)
    if mac is None:
        raise UsageError(
            phrase("The hardware address of {client} is not known.", client=text),
            remedy="`lbrouter clients` lists the known clients, with their hardware addresses.",
        )
    own = [near for near in neighbours if near.mac == mac]
    leased = {lease.address for lease in leases if lease.mac == mac}
    return KnownClient(
        mac=mac,
        label=mac if text.lower().replace("-", ":") == mac else f"{text} ({mac})",
        addresses=frozenset({*leased, *(near.address for near in own)}),
        vlan=next((vlans[near.interface] for near in own), None),
    )
