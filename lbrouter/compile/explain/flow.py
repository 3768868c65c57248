"""A flow to be explained, and what the firewall and the rules of the file do with it.

The order of the checks is that of `rulesets/lbrouter.nft`: source, connected, rules, policy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from lbrouter.compile.explain.flow_words import example_client, parse_address
from lbrouter.compile.firewall.modems import is_closed, line_of_modem
from lbrouter.compile.routing.uplink_addressing import uplink_nexthop
from lbrouter.model.config import ANY_UPLINK, Config, PolicyRule, Protocol, Uplink, Vlan
from lbrouter.model.errors import UsageError
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import AddressFamily, IpAddress, IpInterface
from lbrouter.model.messages.phrase import phrase

GATEWAY_ENDPOINT = "gateway"
"""The word for the gateway itself as a source or a destination."""

PROTOCOLS_WITH_PORTS = frozenset({Protocol.TCP, Protocol.UDP, Protocol.SCTP})
ICMP_PROTOCOLS = frozenset({Protocol.ICMP, Protocol.ICMPV6})

GATEWAY_SERVICES = frozenset(
    {(Protocol.UDP, 53), (Protocol.TCP, 53), (Protocol.UDP, 67), (Protocol.UDP, 547)}
)
"""Services of the gateway that every VLAN may ask: names and addresses."""


class FlowVerdict(StrEnum):
    """What happens to a flow."""

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
    def family(self) -> AddressFamily:
        """The family of both ends."""
        return AddressFamily.V4 if self.destination.version == 4 else AddressFamily.V6


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDecision:
    """A verdict and its reason; with a policy if that must choose an uplink."""

    verdict: FlowVerdict
    because: str
    policy: str | None = None
    rule: int | None = None
    forward: int | None = None
    uplink: str | None = None
    """The uplink of a flow from outside, which its replies take; or that of a modem beside it."""


def parse_flow(
    config: Config, facts: Facts, *, source: str, destination: str, protocol: str, port: int | None
) -> Flow:
    """The flow in the user's words: addresses, a VLAN's name as source, or "gateway".

    Raises UsageError for anything else.
    """
    no_end = phrase('The destination "{text}" is not an IP address.', text=destination)
    end = parse_address(destination, no_end)
    try:
        kind = Protocol(protocol)
    except ValueError:
        known = ", ".join(Protocol)
        raise UsageError(
            phrase('Protocol "{protocol}" is none of {known}.', protocol=protocol, known=known)
        ) from None
    if kind is Protocol.ICMP and end.version == 6:
        kind = Protocol.ICMPV6
    if source == GATEWAY_ENDPOINT:
        own = next(
            (a.ip for a in gateway_addresses(config, facts) if a.version == end.version), end
        )
        return Flow(source=own, destination=end, protocol=kind, port=port, from_gateway=True)
    vlan = config.vlans.get(source)
    no_start = phrase(
        'The source "{text}" is not an IP address, a VLAN of the file or "gateway".', text=source
    )
    start = parse_address(source, no_start) if vlan is None else example_client(vlan, end.version)
    if start.version != end.version:
        raise UsageError(
            phrase("{start} and {end} are of different families.", start=start, end=end)
        )
    own_source = any(start == address.ip for address in gateway_addresses(config, facts))
    return Flow(
        source=start,
        destination=end,
        protocol=kind,
        port=port if kind in PROTOCOLS_WITH_PORTS else None,
        vlan=None if own_source else vlan_of_address(config, start),
        from_gateway=own_source,
    )


def decide_flow(config: Config, facts: Facts, flow: Flow) -> FlowDecision:
    """What happens to `flow`, before an uplink is chosen."""
    to_gateway = any(flow.destination == a.ip for a in gateway_addresses(config, facts))
    if flow.from_gateway:
        if to_gateway:
            return FlowDecision(
                verdict=FlowVerdict.DELIVERED, because="the gateway talks to itself"
            )
        return FlowDecision(
            verdict=FlowVerdict.OWN, because="the gateway's own traffic takes the best uplink"
        )
    if flow.vlan is None:
        return _from_outside(config, facts, flow)
    vlan = config.vlans[flow.vlan]
    if flow.destination.is_multicast:
        return FlowDecision(verdict=FlowVerdict.DROPPED, because="multicast is not routed")
    if to_gateway:
        return _to_gateway(vlan, flow)
    target = vlan_of_address(config, flow.destination)
    if target is not None:
        return _to_vlan(vlan, target)
    by_policy = _by_policy(config, vlan, flow, facts)
    ways = config.policies[by_policy.policy or vlan.policy].uplinks
    if is_closed(config, vlan, flow.destination, facts, ways):
        return FlowDecision(
            verdict=FlowVerdict.REFUSED,
            because=phrase(
                "uplinks' own subnets and private addresses beyond them are closed to VLAN"
                " {vlan} (vlans.{vlan}.modems = true opens them, or a rule of its own that"
                " leads there)",
                vlan=vlan.name,
            ),
        )
    return by_policy


def gateway_addresses(config: Config, facts: Facts) -> Iterator[IpInterface]:
    """Every address of the gateway: those of the file, then those that the machine has."""
    for vlan in config.vlans.values():
        yield from filter(None, (vlan.address, vlan.address6))
    for uplink in config.uplinks.values():
        yield from filter(None, (uplink.static4, uplink.static6))
    for interface in facts.interfaces.values():
        yield from interface.addresses


def vlan_of_address(config: Config, address: IpAddress) -> str | None:
    """Name of the VLAN whose network holds `address`."""
    for name, vlan in config.vlans.items():
        six = vlan.address6
        if address in vlan.address.network or (six is not None and address in six.network):
            return name
    return None


def rule_matches(rule: PolicyRule, flow: Flow) -> bool:
    """Whether `rule` takes `flow`, which comes from a VLAN."""
    return (
        (not rule.from_ or flow.vlan in rule.from_)
        and (rule.protocol is None or rule.protocol is flow.protocol)
        and (not rule.ports or flow.port in rule.ports)
        and (not rule.to or any(flow.destination in network for network in rule.to))
    )


def _by_policy(config: Config, vlan: Vlan, flow: Flow, facts: Facts) -> FlowDecision:
    for index, rule in enumerate(config.rules):
        if rule_matches(rule, flow):
            return FlowDecision(
                verdict=FlowVerdict.FORWARDED,
                because=phrase("rules.{index} is the first rule that matches", index=index),
                policy=rule.policy,
                rule=index,
            )
    line = line_of_modem(config, vlan, flow.destination, facts)
    if line is not None:
        because = phrase(
            "{destination} lies beside uplink {uplink}, which carries it, down or not",
            destination=flow.destination,
            uplink=line,
        )
        return FlowDecision(verdict=FlowVerdict.FORWARDED, because=because, uplink=line)
    because = phrase("no rule matches, so the policy of VLAN {vlan} is used", vlan=vlan.name)
    return FlowDecision(verdict=FlowVerdict.FORWARDED, because=because, policy=vlan.policy)


def _to_vlan(vlan: Vlan, target: str) -> FlowDecision:
    if target == vlan.name:
        return FlowDecision(
            verdict=FlowVerdict.DIRECT,
            because=phrase("both ends are in VLAN {target}: the switch carries it", target=target),
        )
    if target in vlan.reach:
        because = phrase(
            "VLAN {vlan} may reach {target}; no uplink takes part", vlan=vlan.name, target=target
        )
        return FlowDecision(verdict=FlowVerdict.FORWARDED, because=because)
    because = phrase(
        'VLAN {vlan} may not reach {target} (vlans.{vlan}.reach lacks "{target}")',
        vlan=vlan.name,
        target=target,
    )
    return FlowDecision(verdict=FlowVerdict.REFUSED, because=because)


def _to_gateway(vlan: Vlan, flow: Flow) -> FlowDecision:
    own = (vlan.address.ip, None if vlan.address6 is None else vlan.address6.ip)
    if vlan.manage:
        because = phrase("VLAN {vlan} may manage the gateway", vlan=vlan.name)
    elif flow.destination not in own:
        because = phrase(
            "VLAN {vlan} reaches the gateway by {ip} only", vlan=vlan.name, ip=vlan.address.ip
        )
        return FlowDecision(verdict=FlowVerdict.REFUSED, because=because)
    elif flow.protocol in ICMP_PROTOCOLS:
        because = phrase("the gateway answers pings, 50 a second")
    elif (flow.protocol, flow.port) in GATEWAY_SERVICES:
        because = phrase("names and addresses are for every VLAN")
    else:
        because = phrase(
            "the gateway's services are for VLANs with manage = true; {vlan} is not one",
            vlan=vlan.name,
        )
        return FlowDecision(verdict=FlowVerdict.REFUSED, because=because)
    return FlowDecision(verdict=FlowVerdict.DELIVERED, because=because)


def _from_outside(config: Config, facts: Facts, flow: Flow) -> FlowDecision:
    """The source is in no VLAN: either it comes from the internet, or it is spoofed."""
    uplink = _uplink_with_address(config, facts, flow.destination)
    if uplink is None:
        because = phrase(
            "{source} belongs to no VLAN of the file: spoofed, whatever VLAN sends it",
            source=flow.source,
        )
        return FlowDecision(verdict=FlowVerdict.DROPPED, because=because)
    for index, forward in enumerate(config.forwards):
        if (
            forward.uplink in (ANY_UPLINK, uplink.name)
            and str(forward.protocol) == str(flow.protocol)
            and forward.port == flow.port
            and forward.to.address.version == flow.destination.version
        ):
            because = phrase(
                "forwards.{index} sends it to {to}; replies leave by {uplink}",
                index=index,
                to=forward.to,
                uplink=uplink.name,
            )
            return FlowDecision(
                verdict=FlowVerdict.FORWARDED, because=because, forward=index, uplink=uplink.name
            )
    if flow.protocol in ICMP_PROTOCOLS:
        because = phrase("the gateway answers pings, 50 a second")
        return FlowDecision(verdict=FlowVerdict.DELIVERED, because=because, uplink=uplink.name)
    because = phrase("no forward matches this port")
    return FlowDecision(verdict=FlowVerdict.DROPPED, because=because, uplink=uplink.name)


def _uplink_with_address(config: Config, facts: Facts, address: IpAddress) -> Uplink | None:
    for uplink in config.uplinks.values():
        ways = (uplink_nexthop(uplink, family, facts) for family in AddressFamily)
        if any(way is not None and way.address.ip == address for way in ways):
            return uplink
    return None
