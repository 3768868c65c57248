"""Who is where: leases, neighbours and connections put together, a row for each client. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Final, TypedDict

from lbrouter.compile.services.dnsmasq_leases import Lease
from lbrouter.model.config import Config, Vlan
from lbrouter.model.kernel_state import IpAddress, IpNetwork

FOR_EVER: Final = 0
"""How dnsmasq writes a lease that does not end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Somebody who was heard on an interface."""

    interface: str
    mac: str
    address: IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one address has open: connections by uplink number, and bytes over a while.

    Bytes are None where the kernel does not count them.
    """

    connections: Mapping[int, int]
    sent: int | None = None
    received: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """All that was looked at. `loads` is None where the connections cannot be read.

    `now` in seconds since the epoch, `seconds` is the time over which bytes were counted.
    """

    leases: tuple[Lease, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    loads: Mapping[IpAddress, Load] | None = None
    uplinks: Mapping[int, str] = field(default_factory=dict)
    now: int = 0
    seconds: float = 1.0


class ClientStatus(TypedDict):
    """One client. `name` is the file's; `lease_ends` (RFC 3339) is null for whoever has no lease.

    `uplink` carries most of its connections; rates are bits per second, null where nobody counts.
    """

    vlan: str
    name: str | None
    mac: str | None
    address: str
    addresses: list[str]
    reserved: bool
    lease_ends: str | None
    uplink: str | None
    upload_bps: int | None
    download_bps: int | None
    connections: int | None


@dataclass(slots=True, kw_only=True)
class _Client:
    vlan: str
    mac: str | None
    addresses: set[IpAddress] = field(default_factory=set)
    expires: int | None = None


def clients(config: Config, seen: Sighting) -> list[ClientStatus]:
    """A row for each client, in the order of the file's VLANs, then of the addresses."""
    order = {name: place for place, name in enumerate(config.vlans)}
    hosts = {each.mac: name for v in config.vlans.values() for name, each in v.hosts.items()}
    found = _found(config, seen)
    found.sort(key=lambda each: (order[each.vlan], *_rank(min(each.addresses, key=_rank))))
    return [_row(each, hosts, seen) for each in found]


class Subnets:
    """The VLAN that an address belongs to, without a look at each VLAN."""

    def __init__(self, vlans: Iterable[Vlan]) -> None:
        self._owners: dict[IpNetwork, Vlan] = {}
        for vlan in vlans:
            self._owners[vlan.address.network] = vlan
            if vlan.address6 is not None:
                self._owners[vlan.address6.network] = vlan
        self._lengths = {(each.version, each.prefixlen) for each in self._owners}

    def of(self, address: IpAddress) -> Vlan | None:
        """The VLAN whose client has `address`; None for the gateway's own and for strangers."""
        for version, length in self._lengths:
            if version == address.version:
                vlan = self._owners.get(ip_network((address, length), strict=False))
                if vlan is not None:
                    return None if _is_gateway(vlan, address) else vlan
        return None


def _is_gateway(vlan: Vlan, address: IpAddress) -> bool:
    own = (vlan.address.ip, None if vlan.address6 is None else vlan.address6.ip)
    return address in own


def _found(config: Config, seen: Sighting) -> list[_Client]:
    """Clients by VLAN and hardware address; by address alone where that is all there is."""
    subnets, owners = Subnets(config.vlans.values()), dict[IpAddress, _Client]()
    known: dict[tuple[str, str], _Client] = {}
    for vlan, mac, address, expires in _claims(config, seen, subnets):
        client = known.setdefault((vlan, mac), _Client(vlan=vlan, mac=mac))
        client.addresses.add(address)
        client.expires = expires if expires is not None else client.expires
        owners[address] = client
    strangers = [
        _Client(vlan=owner.name, mac=None, addresses={address})
        for address in seen.loads or {}
        if address not in owners and (owner := subnets.of(address)) is not None
    ]
    return [*known.values(), *strangers]


def _claims(
    config: Config, seen: Sighting, subnets: Subnets
) -> Iterator[tuple[str, str, IpAddress, int | None]]:
    """VLAN, hardware address, address, and until when it is leased."""
    for lease in seen.leases:
        owner = subnets.of(lease.address)
        if owner is not None and (lease.expires == FOR_EVER or lease.expires > seen.now):
            yield owner.name, lease.mac, lease.address, lease.expires
    names = {config.device_of(vlan): vlan.name for vlan in config.vlans.values()}
    for each in seen.neighbours:
        if each.interface in names:
            yield names[each.interface], each.mac, each.address, None


def _row(client: _Client, hosts: Mapping[str, str], seen: Sighting) -> ClientStatus:
    addresses = sorted(client.addresses, key=_rank)
    name = hosts.get(client.mac or "")
    return {
        "vlan": client.vlan,
        "name": name,
        "mac": client.mac,
        "address": str(addresses[0]),
        "addresses": [str(each) for each in addresses],
        "reserved": name is not None,
        "lease_ends": _moment(client.expires),
        **_load([(seen.loads or {}).get(each) for each in addresses], seen),
    }


class _LoadStatus(TypedDict):
    uplink: str | None
    upload_bps: int | None
    download_bps: int | None
    connections: int | None


def _load(loads: list[Load | None], seen: Sighting) -> _LoadStatus:
    counts: Counter[int] = Counter()
    there = [each for each in loads if each is not None]
    for each in there:
        counts.update(each.connections)
    decided = Counter({number: count for number, count in counts.items() if number})
    best = decided.most_common(1)
    return {
        "uplink": seen.uplinks.get(best[0][0]) if best else None,
        "upload_bps": _rate([each.sent for each in there], seen.seconds),
        "download_bps": _rate([each.received for each in there], seen.seconds),
        "connections": None if seen.loads is None else counts.total(),
    }


def _rate(counts: list[int | None], seconds: float) -> int | None:
    """Bits per second; None where somebody's bytes are not counted, 0 without connections."""
    known = [each for each in counts if each is not None]
    return round(sum(known) * 8 / seconds) if len(known) == len(counts) else None


def _rank(address: IpAddress) -> tuple[int, bool, int]:
    """IPv4 first, link-local addresses last."""
    return address.version, address.is_link_local, int(address)


def _moment(expires: int | None) -> str | None:
    if not expires:
        return None
    return datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
