"""What is known of one client when a person asks why it has no internet: facts, no judgement."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from lbrouter.compile.report.clients import Neighbour, VlanLookup
from lbrouter.compile.report.status_types import InterfaceTraffic
from lbrouter.compile.services.dnsmasq_leases import LanLease
from lbrouter.compile.services.pool_usage import PoolUsage
from lbrouter.compile.shaping.overrides import VlanLimits
from lbrouter.model.config import Config, Vlan
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardFrame:
    """A frame that came in just now: by which interface, from whom.

    `address` is None where the frame tells none.
    """

    interface: str
    mac: str
    address: IpAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTraffic:
    """What a client has open, and what became of it. Rates are seen from the client."""

    connections: int = 0
    dns_queries: int = 0
    dns_answers: int = 0
    ipv6_flows: int = 0
    ipv6_answers: int = 0
    upload_bps: int = 0
    download_bps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientBlock:
    """An operator has shut the client out. `left_s` is None where only a person ends it."""

    left_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayView:
    """The gateway itself, when the question came: the same for each client."""

    config: Config
    health: GatewayHealth
    facts: Facts
    limits: VlanLimits = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """What was found of a client. `mac` and `asked_address` as they were asked for, else None.

    `names_answered` is None where the gateway is no resolver, `traffic` where connections cannot be
    read. `vlan_traffic` is by the VLAN's device, as the gateway's interface counts it.
    """

    asked: str
    mac: str | None = None
    asked_address: IpAddress | None = None
    heard: tuple[HeardFrame, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    """Those that the kernel knew before: of this client alone."""
    leases: tuple[LanLease, ...] = ()
    """Of this client alone, those that are not over."""
    pools: Mapping[str, PoolUsage] = field(default_factory=dict)
    traffic: ClientTraffic | None = None
    vlan_traffic: Mapping[str, InterfaceTraffic] = field(default_factory=dict)
    names_answered: bool | None = None
    block: ClientBlock | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedClient:
    """Where the client is, and as what: from the facts, by `locate`.

    `vlan` is where it was heard; where it was not, where it should be. `address` is its IPv4
    address. `macs` are all devices that answer for that address on that VLAN.
    """

    vlan: Vlan | None
    mac: str | None
    address: IpAddress | None
    is_heard: bool
    macs: tuple[str, ...]
    was_on: str | None
    """The VLAN on which it was known before; None where it was not known."""


def locate(config: Config, facts: ClientFacts) -> LocatedClient:
    """Find the client among what was heard; else among what is remembered."""
    vlans = {config.vlan_device(vlan): vlan for vlan in config.vlans.values()}
    heard = [frame for frame in facts.heard if frame.interface in vlans]
    own = [frame for frame in heard if _is_of(frame, facts)]
    mac = facts.mac or next((frame.mac for frame in own), None) or _known_mac(facts)
    address = facts.asked_address or _best_address(own)
    before = _known_vlan(config, facts, vlans)
    vlan = vlans[own[0].interface] if own else before
    here = [f for f in heard if vlan is not None and f.interface == config.vlan_device(vlan)]
    return LocatedClient(
        vlan=vlan,
        mac=mac,
        address=address if own or address is not None else _leased(facts),
        is_heard=bool(own),
        macs=tuple(dict.fromkeys(f.mac for f in here if address and f.address == address)),
        was_on=None if before is None else before.name,
    )


def _is_of(frame: HeardFrame, facts: ClientFacts) -> bool:
    if facts.mac is not None:
        return frame.mac == facts.mac
    return frame.address is not None and frame.address == facts.asked_address


def _best_address(frames: list[HeardFrame]) -> IpAddress | None:
    """Its IPv4 address; one that it gave itself (169.254...) only where it has no other."""
    four = [frame.address for frame in frames if isinstance(frame.address, IPv4Address)]
    return min(four, key=lambda address: address.is_link_local, default=None)


def _known_mac(facts: ClientFacts) -> str | None:
    known = (*(lease.mac for lease in facts.leases), *(near.mac for near in facts.neighbours))
    return next(iter(known), None)


def _leased(facts: ClientFacts) -> IpAddress | None:
    return next((lease.address for lease in facts.leases), None)


def _known_vlan(config: Config, facts: ClientFacts, vlans: Mapping[str, Vlan]) -> Vlan | None:
    """Where it was seen before; where its lease, its address or the file say that it belongs."""
    seen = (vlans[near.interface] for near in facts.neighbours if near.interface in vlans)
    lookup = VlanLookup(config.vlans.values())
    addresses = (*(lease.address for lease in facts.leases), facts.asked_address)
    owners = (lookup.vlan_of(address) for address in addresses if address is not None)
    return next(filter(None, (*seen, *owners, reserved_vlan(config, facts.mac))), None)


def reserved_vlan(config: Config, mac: str | None) -> Vlan | None:
    """The VLAN whose `hosts` name this hardware address; None where no VLAN does."""
    for vlan in config.vlans.values():
        if any(host.mac == mac for host in vlan.hosts.values()):
            return vlan
    return None
