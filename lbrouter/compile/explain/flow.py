"""A flow to be explained, and what the firewall and the rules of the file do with it.

The order of the checks is that of `rulesets/lbrouter.nft`: source, connected, rules, policy.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from lbrouter.compile.explain.offers import Asked, find_offer, uplinks_with_address
from lbrouter.compile.firewall.gateway_services import gateway_services
from lbrouter.compile.firewall.modems import is_closed, line_of_modem
from lbrouter.model.config import Config, PolicyRule, Protocol, Vlan
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
    known_names: frozenset[str] = frozenset()
    """Names of the rules that the destination was told for, by the gateway's own resolver."""

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
    offered = _offered(config, facts, flow)
    if offered is not None:
        return replace(offered, uplink=None)
    vlan = config.vlans[flow.vlan]
    return _to_gateway(config, vlan, flow) if to_gateway else _from_vlan(config, facts, vlan, flow)


def _from_vlan(config: Config, facts: Facts, vlan: Vlan, flow: Flow) -> FlowDecision:
    if flow.destination.is_multicast:
        return FlowDecision(verdict=FlowVerdict.DROPPED, because="multicast is not routed")
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
        if any(address in network for network in vlan.networks):
            return name
    return None


def rule_matches(rule: PolicyRule, flow: Flow) -> bool:
    """Whether `rule` takes `flow`, which comes from a VLAN."""
    return (
        (not rule.from_ or flow.vlan in rule.from_)
        and (not rule.source or any(flow.source in network for network in rule.source))
        and (rule.protocol is None or rule.protocol is flow.protocol)
        and (not rule.ports or any(flow.port in ports for ports in rule.ports))
        and (not rule.to or _leads_to(rule, flow))
    )


def _leads_to(rule: PolicyRule, flow: Flow) -> bool:
    """Whether a rule's destinations hold the flow's: a network, or a name that was asked for."""
    return any(flow.destination in network for network in rule.networks) or any(
        name in flow.known_names for name in rule.names
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


def _to_gateway(config: Config, vlan: Vlan, flow: Flow) -> FlowDecision:
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
    elif any(
        (service.protocol, service.port) == (str(flow.protocol), flow.port)
        for service in gateway_services(config, vlan)
    ):
        because = phrase(
            "vlans.{vlan}.services has {protocol}/{port}",
            vlan=vlan.name,
            protocol=flow.protocol,
            port=flow.port,
        )
    else:
        because = phrase(
            "the gateway's services are for VLANs with manage = true; {vlan} is not one, and"
            " vlans.{vlan}.services does not name this one",
            vlan=vlan.name,
        )
        return FlowDecision(verdict=FlowVerdict.REFUSED, because=because)
    return FlowDecision(verdict=FlowVerdict.DELIVERED, because=because)


def _from_outside(config: Config, facts: Facts, flow: Flow) -> FlowDecision:
    """The source is in no VLAN: either it comes from the internet, or it is spoofed."""
    uplink = next(uplinks_with_address(config, facts, flow.destination), None)
    if uplink is None:
        because = phrase(
            "{source} belongs to no VLAN of the file: spoofed, whatever VLAN sends it",
            source=flow.source,
        )
        return FlowDecision(verdict=FlowVerdict.DROPPED, because=because)
    offered = _offered(config, facts, flow)
    if offered is not None:
        because = phrase(
            "{offer}; replies leave by {uplink}", offer=offered.because, uplink=offered.uplink
        )
        return replace(offered, because=because)
    if flow.protocol in ICMP_PROTOCOLS:
        because = phrase("the gateway answers pings, 50 a second")
        return FlowDecision(verdict=FlowVerdict.DELIVERED, because=because, uplink=uplink)
    because = phrase("no forward matches this port")
    return FlowDecision(verdict=FlowVerdict.DROPPED, because=because, uplink=uplink)


def _offered(config: Config, facts: Facts, flow: Flow) -> FlowDecision | None:
    """The forward, or the host with an address of its own (1:1), that the flow comes to."""
    asked = Asked(
        source=flow.source,
        destination=flow.destination,
        protocol=str(flow.protocol),
        port=flow.port,
    )
    uplinks = uplinks_with_address(config, facts, flow.destination)
    offer = find_offer(config, uplinks, asked)
    if offer is None:
        return None
    own = any(offer.host == address.ip for address in gateway_addresses(config, facts))
    return FlowDecision(
        verdict=FlowVerdict.DELIVERED if own else FlowVerdict.FORWARDED,
        because=offer.because,
        forward=offer.forward,
        uplink=offer.uplink,
    )
