"""The clients: leases, neighbours and connections joined, a row for each client. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypedDict

from lbrouter.compile.report.bounds_reached import NOTHING_REACHED, BoundsReached
from lbrouter.compile.services.dnsmasq_leases import LanLease
from lbrouter.model.config import Config, Vlan
from lbrouter.model.kernel_state import IpAddress

LEASE_NEVER_EXPIRES: Final = 0
"""How dnsmasq writes a lease that does not end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A host in the neighbour table of an interface."""

    interface: str
    mac: str
    address: IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressTraffic:
    """What one address has open: connections by uplink number, and bytes over a while.

    Bytes are None where the kernel does not count them.
    """

    connections: Mapping[int, int]
    sent: int | None = None
    received: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientObservations:
    """All that was observed. `traffic` is None where the connections cannot be read; `blocked` are
    the hardware addresses that an operator has shut out.

    `bounds` are by the device of the VLAN; `now` in seconds since the epoch, `interval_s` is the
    time over which bytes were counted.
    """

    leases: tuple[LanLease, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    traffic: Mapping[IpAddress, AddressTraffic] | None = None
    uplink_names: Mapping[int, str] = field(default_factory=dict)
    foreign: tuple[Neighbour, ...] = ()
    """Devices whose address is not of their VLAN."""
    blocked: frozenset[str] = frozenset()
    bounds: Mapping[str, BoundsReached] = field(default_factory=dict)
    now: int = 0
    interval_s: float = 1.0


class ClientStatus(TypedDict):
    """One client. `name` is the file's, `dhcp_name` what the device calls itself.

    `lease_ends` (RFC 3339) is null without a lease; `uplink` carries most of its connections; rates
    are bits per second, null if not counted. `bound` is "at" where it has all connections that it
    may have, "near" from 80 % of them, else null. `foreign_address`: the address is not of the
    VLAN, so nothing of this device passes.
    """

    vlan: str
    name: str | None
    dhcp_name: str | None
    mac: str | None
    address: str
    addresses: list[str]
    foreign_address: bool
    reserved: bool
    lease_ends: str | None
    uplink: str | None
    upload_bps: int | None
    download_bps: int | None
    connections: int | None
    blocked: bool
    bound: str | None


@dataclass(slots=True, kw_only=True)
class _ClientEntry:
    vlan: str
    mac: str | None
    addresses: set[IpAddress] = field(default_factory=set)
    expires: int | None = None
    name: str = ""
    foreign: bool = False


def client_statuses(config: Config, observations: ClientObservations) -> list[ClientStatus]:
    """A row for each client, in the order of the file's VLANs, then of the addresses."""
    order = {name: place for place, name in enumerate(config.vlans)}
    hosts = {each.mac: name for v in config.vlans.values() for name, each in v.hosts.items()}
    found = _collect_clients(config, observations)
    found.sort(
        key=lambda each: (
            order[each.vlan],
            *_address_sort_key(min(each.addresses, key=_address_sort_key)),
        )
    )
    bounds = {
        vlan.name: observations.bounds.get(config.vlan_device(vlan), NOTHING_REACHED)
        for vlan in config.vlans.values()
    }
    return [_client_status(each, hosts, bounds[each.vlan], observations) for each in found]


def sorted_by_rate(clients: Iterable[ClientStatus]) -> list[ClientStatus]:
    """Who uses the line most comes first; those whose bytes are not counted come last."""
    return sorted(
        clients, key=lambda each: -((each["upload_bps"] or 0) + (each["download_bps"] or 0))
    )


class VlanLookup:
    """The VLAN that an address belongs to, without a search through all VLANs."""

    def __init__(self, vlans: Iterable[Vlan]) -> None:
        self._vlan_by_prefix: dict[tuple[int, int, int], Vlan] = {}
        for vlan in vlans:
            for network in vlan.networks:
                host_bits = network.max_prefixlen - network.prefixlen
                prefix = int(network.network_address) >> host_bits
                self._vlan_by_prefix[network.version, host_bits, prefix] = vlan
        # The narrowest first: networks behind two routers may lie within one another.
        self._lengths = sorted({(v, host_bits) for v, host_bits, _ in self._vlan_by_prefix})

    def vlan_of(self, address: IpAddress) -> Vlan | None:
        """The VLAN whose client has `address`; None for the gateway's own and for foreign ones."""
        number = int(address)  # a network object for each of 5,000 clients would cost 20 times this
        for version, host_bits in self._lengths:
            if version == address.version:
                vlan = self._vlan_by_prefix.get((version, host_bits, number >> host_bits))
                if vlan is not None:
                    own = (vlan.address.ip, None if vlan.address6 is None else vlan.address6.ip)
                    return None if address in own else vlan
        return None


def _collect_clients(config: Config, observations: ClientObservations) -> list[_ClientEntry]:
    """Clients by VLAN and hardware address; by address alone where that is all there is."""
    subnets, owners = VlanLookup(config.vlans.values()), dict[IpAddress, _ClientEntry]()
    known: dict[tuple[str, str], _ClientEntry] = {}
    names = {lease.mac: lease.name for lease in observations.leases}
    for vlan, mac, address, expires in _observed_addresses(config, observations, subnets):
        client = known.setdefault(
            (vlan, mac), _ClientEntry(vlan=vlan, mac=mac, name=names.get(mac, ""))
        )
        client.addresses.add(address)
        client.expires = expires if expires is not None else client.expires
        owners[address] = client
    without_mac = [
        _ClientEntry(vlan=owner.name, mac=None, addresses={address})
        for address in observations.traffic or {}
        if address not in owners and (owner := subnets.vlan_of(address)) is not None
    ]
    return [*known.values(), *without_mac, *_foreign_clients(config, observations)]


def _foreign_clients(config: Config, observations: ClientObservations) -> Iterator[_ClientEntry]:
    """Devices with an address of another network, each once a VLAN."""
    names = {config.vlan_device(vlan): vlan.name for vlan in config.vlans.values()}
    dhcp_names = {lease.mac: lease.name for lease in observations.leases}
    for device in observations.foreign:
        if device.interface in names:
            yield _ClientEntry(
                vlan=names[device.interface],
                mac=device.mac,
                addresses={device.address},
                name=dhcp_names.get(device.mac, ""),
                foreign=True,
            )


def _observed_addresses(
    config: Config, observations: ClientObservations, vlan_lookup: VlanLookup
) -> Iterator[tuple[str, str, IpAddress, int | None]]:
    """VLAN, hardware address, address, and until when it is leased."""
    for lease in observations.leases:
        owner = vlan_lookup.vlan_of(lease.address)
        if owner is not None and (
            lease.expires == LEASE_NEVER_EXPIRES or lease.expires > observations.now
        ):
            yield owner.name, lease.mac, lease.address, lease.expires
    names = {config.vlan_device(vlan): vlan.name for vlan in config.vlans.values()}
    for each in observations.neighbours:
        if each.interface in names:
            yield names[each.interface], each.mac, each.address, None


def _client_status(
    client: _ClientEntry,
    hosts: Mapping[str, str],
    reached: BoundsReached,
    observations: ClientObservations,
) -> ClientStatus:
    addresses = sorted(client.addresses, key=_address_sort_key)
    name = hosts.get(client.mac or "")
    bound = reached.clients.get(client.mac or "")
    return {
        "vlan": client.vlan,
        "name": name,
        "dhcp_name": client.name or None,
        "mac": client.mac,
        "address": str(addresses[0]),
        "addresses": [str(each) for each in addresses],
        "foreign_address": client.foreign,
        "reserved": name is not None,
        "lease_ends": None
        if not client.expires
        else datetime.fromtimestamp(client.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **_traffic_status(
            [(observations.traffic or {}).get(each) for each in addresses], observations
        ),
        "blocked": client.mac in observations.blocked,
        "bound": None if bound is None else str(bound),
    }


class _TrafficStatus(TypedDict):
    uplink: str | None
    upload_bps: int | None
    download_bps: int | None
    connections: int | None


def _traffic_status(
    traffic: list[AddressTraffic | None], observations: ClientObservations
) -> _TrafficStatus:
    counts: Counter[int] = Counter()
    there = [each for each in traffic if each is not None]
    for each in there:
        counts.update(each.connections)
    decided = Counter({number: count for number, count in counts.items() if number})
    best = decided.most_common(1)
    return {
        "uplink": observations.uplink_names.get(best[0][0]) if best else None,
        "upload_bps": _bits_per_second([each.sent for each in there], observations.interval_s),
        "download_bps": _bits_per_second(
            [each.received for each in there], observations.interval_s
        ),
        "connections": None if observations.traffic is None else counts.total(),
    }


def _bits_per_second(counts: list[int | None], seconds: float) -> int | None:
    """Bits per second; None if any bytes are not counted, 0 without connections."""
    known = [each for each in counts if each is not None]
    return round(sum(known) * 8 / seconds) if len(known) == len(counts) else None


def _address_sort_key(address: IpAddress) -> tuple[int, bool, int]:
    """IPv4 first, link-local addresses last."""
    return address.version, address.is_link_local, int(address)
