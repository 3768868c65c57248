"""A flow that somebody asks about, and what the firewall and the rules of the file say to it.

The order of the questions is that of `rulesets/lbrouter.nft`: source, connected, rules, policy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from lbrouter.compile.routing.uplink_addressing import way_out
from lbrouter.model.config import ANY, Config, Forward, PolicyRule, Protocol, Uplink, Vlan
from lbrouter.model.errors import UsageError
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import Family, IpAddress, IpInterface

GATEWAY = "gateway"
"""Stands for the gateway itself where a source or a destination is asked for."""

PORTED = frozenset({Protocol.TCP, Protocol.UDP, Protocol.SCTP})
PINGS = frozenset({Protocol.ICMP, Protocol.ICMPV6})

OPEN_PORTS = frozenset(
    {(Protocol.UDP, 53), (Protocol.TCP, 53), (Protocol.UDP, 67), (Protocol.UDP, 547)}
)
"""Services of the gateway that every VLAN may ask: names and addresses."""


class Verdict(StrEnum):
    """What becomes of a flow."""

    FORWARDED = "forwarded"
    OWN = "own"
    """The gateway's own flow, out by its best uplink."""
    DELIVERED = "delivered"
    """To a service of the gateway itself."""
    DIRECT = "direct"
    """Between two hosts of one VLAN: it does not pass the gateway."""
    REFUSED = "refused"
    """Answered with an ICMP error."""
    DROPPED = "dropped"
    UNREACHABLE = "unreachable"
    """No uplink of the policy can carry it: answered with an ICMP error at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The first packet of a flow. `vlan` is the VLAN whose address the source is, if any."""

    source: IpAddress
    destination: IpAddress
    protocol: Protocol
    port: int | None = None
    vlan: str | None = None
    from_gateway: bool = False

    @property
    def family(self) -> Family:
        """The family of both ends."""
        return Family.V4 if self.destination.version == 4 else Family.V6


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict and its reason; with a policy where an uplink must be chosen by one."""

    verdict: Verdict
    because: str
    policy: str | None = None
    rule: int | None = None
    forward: int | None = None
    uplink: str | None = None
    """The uplink of a flow from outside, which its replies take."""


def flow_of(
    config: Config, facts: Facts, *, source: str, destination: str, protocol: str, port: int | None
) -> Flow:
    """The flow in the user's words: addresses, a VLAN's name as source, or "gateway".

    Raises UsageError for what is neither.
    """
    end = _address(destination, "destination")
    kind = _protocol(protocol, end)
    if source == GATEWAY:
        own = next((a.ip for a in own_addresses(config, facts) if a.version == end.version), end)
        return Flow(source=own, destination=end, protocol=kind, port=port, from_gateway=True)
    vlan = config.vlans.get(source)
    start = _address(source, "source") if vlan is None else _client(vlan, end.version)
    if start.version != end.version:
        raise UsageError(f"{start} and {end} are of different families.")
    own_source = any(start == address.ip for address in own_addresses(config, facts))
    return Flow(
        source=start,
        destination=end,
        protocol=kind,
        port=port if kind in PORTED else None,
        vlan=None if own_source else vlan_of(config, start),
        from_gateway=own_source,
    )


def judge(config: Config, facts: Facts, flow: Flow) -> Judgement:
    """What becomes of `flow`, before any uplink is chosen."""
    to_gateway = any(flow.destination == a.ip for a in own_addresses(config, facts))
    if flow.from_gateway:
        return _from_gateway(to_gateway=to_gateway)
    if flow.vlan is None:
        return _from_outside(config, facts, flow)
    vlan = config.vlans[flow.vlan]
    if flow.destination.is_multicast:
        return Judgement(verdict=Verdict.DROPPED, because="multicast is not routed")
    if to_gateway:
        return _to_gateway(vlan, flow)
    target = vlan_of(config, flow.destination)
    return _by_policy(config, vlan, flow) if target is None else _to_vlan(vlan, target)


def own_addresses(config: Config, facts: Facts) -> Iterator[IpInterface]:
    """Every address of the gateway: those of the file, then those that the machine has."""
    for vlan in config.vlans.values():
        yield vlan.address
        if vlan.address6 is not None:
            yield vlan.address6
    for uplink in config.uplinks.values():
        for static in (uplink.static4, uplink.static6):
            if static is not None:
                yield static
    for found in facts.interfaces.values():
        yield from found.addresses


def vlan_of(config: Config, address: IpAddress) -> str | None:
    """Name of the VLAN whose network holds `address`."""
    for name, vlan in config.vlans.items():
        six = vlan.address6
        if address in vlan.address.network or (six is not None and address in six.network):
            return name
    return None


def matches(rule: PolicyRule, flow: Flow) -> bool:
    """Whether `rule` takes `flow`, which comes from a VLAN."""
    return (
        (not rule.from_ or flow.vlan in rule.from_)
        and (rule.protocol is None or rule.protocol is flow.protocol)
        and (not rule.ports or flow.port in rule.ports)
        and (not rule.to or any(flow.destination in network for network in rule.to))
    )


def _by_policy(config: Config, vlan: Vlan, flow: Flow) -> Judgement:
    for index, rule in enumerate(config.rules):
        if matches(rule, flow):
            return Judgement(
                verdict=Verdict.FORWARDED,
                because=f"rules.{index} is the first that matches",
                policy=rule.policy,
                rule=index,
            )
    because = f"no rule matches, so the policy of VLAN {vlan.name} holds"
    return Judgement(verdict=Verdict.FORWARDED, because=because, policy=vlan.policy)


def _to_vlan(vlan: Vlan, target: str) -> Judgement:
    if target == vlan.name:
        return Judgement(
            verdict=Verdict.DIRECT, because=f"both ends are in VLAN {target}: the switch carries it"
        )
    if target in vlan.reach:
        because = f"VLAN {vlan.name} may reach {target}; no uplink takes part"
        return Judgement(verdict=Verdict.FORWARDED, because=because)
    because = f'VLAN {vlan.name} may not reach {target} (vlans.{vlan.name}.reach lacks "{target}")'
    return Judgement(verdict=Verdict.REFUSED, because=because)


def _to_gateway(vlan: Vlan, flow: Flow) -> Judgement:
    if vlan.manage:
        because = f"VLAN {vlan.name} may manage the gateway"
    elif flow.protocol in PINGS:
        because = "the gateway answers pings, 50 a second"
    elif (flow.protocol, flow.port) in OPEN_PORTS:
        because = "names and addresses are for every VLAN"
    else:
        because = f"the gateway's services are for VLANs with manage = true; {vlan.name} is not one"
        return Judgement(verdict=Verdict.REFUSED, because=because)
    return Judgement(verdict=Verdict.DELIVERED, because=because)


def _from_gateway(*, to_gateway: bool) -> Judgement:
    if to_gateway:
        return Judgement(verdict=Verdict.DELIVERED, because="the gateway speaks to itself")
    return Judgement(verdict=Verdict.OWN, because="the gateway's own traffic takes the best uplink")


def _from_outside(config: Config, facts: Facts, flow: Flow) -> Judgement:
    """The source is in no VLAN: either it comes from the internet, or it is spoofed."""
    uplink = _uplink_at(config, facts, flow.destination)
    if uplink is None:
        because = f"{flow.source} belongs to no VLAN of the file: spoofed, whatever VLAN sends it"
        return Judgement(verdict=Verdict.DROPPED, because=because)
    for index, forward in enumerate(config.forwards):
        if _takes(forward, uplink, flow):
            because = f"forwards.{index} hands it to {forward.to}; replies leave by {uplink.name}"
            return Judgement(
                verdict=Verdict.FORWARDED, because=because, forward=index, uplink=uplink.name
            )
    if flow.protocol in PINGS:
        because = "the gateway answers pings, 50 a second"
        return Judgement(verdict=Verdict.DELIVERED, because=because, uplink=uplink.name)
    because = "nothing is offered there: no forward matches"
    return Judgement(verdict=Verdict.DROPPED, because=because, uplink=uplink.name)


def _uplink_at(config: Config, facts: Facts, address: IpAddress) -> Uplink | None:
    for uplink in config.uplinks.values():
        ways = (way_out(uplink, family, facts) for family in Family)
        if any(way is not None and way.address.ip == address for way in ways):
            return uplink
    return None


def _takes(forward: Forward, uplink: Uplink, flow: Flow) -> bool:
    return (
        forward.uplink in (ANY, uplink.name)
        and str(forward.protocol) == str(flow.protocol)
        and forward.port == flow.port
        and forward.to.address.version == flow.destination.version
    )


def _address(text: str, what: str) -> IpAddress:
    try:
        return ip_address(text)
    except ValueError:
        also = ', a VLAN of the file or "gateway"' if what == "source" else ""
        raise UsageError(f'The {what} "{text}" is not an IP address{also}.') from None


def _protocol(text: str, destination: IpAddress) -> Protocol:
    try:
        kind = Protocol(text)
    except ValueError:
        known = ", ".join(Protocol)
        raise UsageError(f'Protocol "{text}" is none of {known}.') from None
    if kind is Protocol.ICMP and destination.version == 6:
        return Protocol.ICMPV6
    return kind


def _client(vlan: Vlan, version: int) -> IpAddress:
    """Any client of the VLAN: the first address that is not the gateway's."""
    subnet = vlan.address if version == 4 else vlan.address6
    if subnet is None:
        raise UsageError(f"VLAN {vlan.name} has no IPv6 address, so no client of it speaks IPv6.")
    base = int(subnet.network.network_address)
    offset = next(n for n in (1, 2) if base + n != int(subnet.ip))
    return ip_address(base + offset) if version == 4 else ip_address((base + offset).to_bytes(16))
