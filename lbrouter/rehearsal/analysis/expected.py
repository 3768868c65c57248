"""The behaviour that the file asks for, derived from the file alone. Pure.

On purpose not shared with `lbrouter.compile`: a rehearsal that asked the compiler what is right
would agree with every mistake of the compiler.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from lbrouter.model.config import (
    ANY_UPLINK,
    Config,
    Forward,
    Policy,
    PolicyMode,
    Protocol,
)
from lbrouter.model.kernel_state import IpAddress
from lbrouter.rehearsal.lab.layout import (
    ECHO_SERVER_PORT,
    INTERNET_SERVERS,
    Segment,
    VenueLayout,
)

UplinkShares = Mapping[str, float]
"""By uplink, the part of the new flows that it should carry; together 1, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPath:
    """A path of a VLAN's TCP flows: the policy, and where to connect to so that it applies."""

    policy: str
    vlan: str
    to: IpAddress
    port: int

    @property
    def version(self) -> int:
        """Address family, 4 or 6."""
        return self.to.version


def policy_for(config: Config, vlan: str, protocol: Protocol, to: IpAddress, port: int) -> str:
    """The policy of a new flow from `vlan`: the first rule that matches, else the VLAN's own."""
    for rule in config.rules:
        if (
            (not rule.from_ or vlan in rule.from_)
            and rule.protocol in (None, protocol)
            and (not rule.ports or any(port in ports for ports in rule.ports))
            and (not rule.to or any(to in network for network in rule.networks))
        ):
            return rule.policy
    return config.vlans[vlan].policy


def expected_shares(config: Config, policy: Policy, able: Collection[str]) -> UplinkShares:
    """Shares in a policy's new flows of the uplinks in `able`: usable, with that address family."""
    names = [name for name in policy.uplinks if name in able]
    if policy.mode is PolicyMode.FAILOVER:
        return {names[0]: 1.0} if names else {}
    names = [name for name in names if not config.uplinks[name].metered] or names
    uploads = [config.uplinks[name].upload for name in names]
    if policy.weights is not None:
        weights: dict[str, float] = {name: policy.weights[name] for name in names}
    elif all(rate is not None for rate in uploads):
        weights = {name: rate or 0 for name, rate in zip(names, uploads, strict=True)}
    else:
        weights = dict.fromkeys(names, 1)
    weights = weights if any(weights.values()) else dict.fromkeys(names, 1)
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items() if weight}


def traffic_paths(layout: VenueLayout) -> Iterator[TrafficPath]:
    """For each policy, family and VLAN at most one path: by the VLAN itself, or by a rule."""
    destinations: set[tuple[str, str, int]] = set()
    for segment in layout.segments:
        for to, port in _destinations(layout, segment):
            policy = policy_for(layout.config, segment.name, Protocol.TCP, to, port)
            if (policy, segment.name, to.version) not in destinations:
                destinations.add((policy, segment.name, to.version))
                yield TrafficPath(policy=policy, vlan=segment.name, to=to, port=port)


def _destinations(layout: VenueLayout, segment: Segment) -> Iterator[tuple[IpAddress, int]]:
    """Servers and ports that a VLAN might ask: the lab's own first, then what the rules name."""
    versions = {gateway.version for gateway in segment.gateways}
    servers = [server for server in INTERNET_SERVERS if server.version in versions]
    yield from ((server, ECHO_SERVER_PORT) for server in servers)
    for rule in layout.config.rules:
        if rule.protocol not in (None, Protocol.TCP):
            continue
        for network in rule.networks or (ip_network("0.0.0.0/0"), ip_network("::/0")):
            inside = (server for server in layout.servers if server in network)
            server = next(
                (candidate for candidate in inside if candidate.version in versions), None
            )
            if server is not None:
                yield server, rule.ports[0].start if rule.ports else ECHO_SERVER_PORT


def forwards_on(config: Config, uplink: str, version: int) -> list[Forward]:
    """The forwards that are open on an uplink in one family."""
    return [
        forward
        for forward in config.forwards
        if forward.uplink in (uplink, ANY_UPLINK) and forward.to.address.version == version
    ]


def ports_outside(forward: Forward) -> list[int]:
    """The ports of a forward that are tried: its first and its last."""
    return list(dict.fromkeys((forward.port.start, forward.port.end)))


def ports_inside(forward: Forward) -> list[int]:
    """Where those arrive."""
    return ports_outside(forward) if forward.keeps_ports else [forward.to.port or 0]
