"""Checks of the policy rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final

from lbrouter.compile.config.checks.names import duplicates, undefined_reference
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.model.config import Config, PolicyRule, Protocol
from lbrouter.model.kernel_state import IpNetwork
from lbrouter.model.messages.phrase import phrase

RULE_PROTOCOLS_WITH_PORTS: Final = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)

EXCLUDED_IP_VERSION: Final = {Protocol.ICMP: 6, Protocol.ICMPV6: 4}
"""The family in which a protocol does not occur."""

ALL_NETWORKS: Final[tuple[IpNetwork, ...]] = (ip_network("0.0.0.0/0"), ip_network("::/0"))


MAX_NETWORK_PAIRS_COMPARED: Final = 4096
"""Pairs of networks that are compared to find out whether a rule covers another."""


def errors(config: Config) -> Iterator[Diagnostic]:
    """Rules that name what does not exist, or that no packet can match."""
    for index, rule in enumerate(config.rules):
        where: KeyPath = ("rules", index)
        yield from undefined_reference("policies", rule.policy, config.policies, (*where, "policy"))
        yield from duplicates(rule.from_, (*where, "from"))
        for place, name in enumerate(rule.from_):
            yield from undefined_reference("vlans", name, config.vlans, (*where, "from", place))
        path = (*where, "ports")
        yield from duplicates(rule.ports, path)
        if rule.ports and rule.protocol not in RULE_PROTOCOLS_WITH_PORTS:
            missing = rule.protocol is None
            why = (
                "ports need a protocol"
                if missing
                else phrase("{protocol} has no ports", protocol=rule.protocol)
            )
            accepted = 'protocol = "tcp", "udp" or "sctp"'
            needs = ((*where, "protocol"),)
            yield Diagnostic(
                path=path, value=rule.ports, reason=why, accepted=accepted, depends_on=needs
            )
        yield from _family_errors(rule, where)


def _family_errors(rule: PolicyRule, where: KeyPath) -> Iterator[Diagnostic]:
    version = EXCLUDED_IP_VERSION.get(rule.protocol) if rule.protocol else None
    for index, network in enumerate(rule.to):
        if network.version == version:
            why = phrase(
                "{protocol} does not occur in IPv{version}", protocol=rule.protocol, version=version
            )
            accepted = phrase("a network of IPv{other}", other=10 - version)
            yield Diagnostic(
                path=(*where, "to", index), value=network, reason=why, accepted=accepted
            )


def warnings(config: Config) -> Iterator[Diagnostic]:
    """Rules that never match, because an earlier one takes all that they would."""
    everyone = frozenset(config.vlans)
    matches = [RuleMatch.from_rule(rule, everyone) for rule in config.rules]
    for index, match in enumerate(matches):
        earlier = next((n for n in range(index) if matches[n].covers(match)), None)
        if earlier is not None:
            why = phrase(
                "never matches: rules[{earlier}] takes the same flows first", earlier=earlier
            )
            yield Diagnostic(path=("rules", index), reason=why, accepted="another order")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleMatch:
    """What a rule matches, as sets; None means everything."""

    sources: frozenset[str] | None
    protocol: Protocol | None
    ports: frozenset[int] | None
    to: tuple[IpNetwork, ...]

    @classmethod
    def from_rule(cls, rule: PolicyRule, all_vlans: frozenset[str]) -> "RuleMatch":
        """The match of `rule`, where `all_vlans` are the VLANs of the file."""
        sources = frozenset(rule.from_)
        return cls(
            sources=None if not sources or sources == all_vlans else sources,
            protocol=rule.protocol,
            ports=frozenset(rule.ports) or None,
            to=rule.to or ALL_NETWORKS,
        )

    def covers(self, later: "RuleMatch") -> bool:
        """Whether all that `later` matches is matched by this one too."""
        return (
            self.protocol in (None, later.protocol)
            and _contains(self.sources, later.sources)
            and _contains(self.ports, later.ports)
            and len(self.to) * len(later.to) <= MAX_NETWORK_PAIRS_COMPARED
            and all(
                any(network[0] in wider and network[-1] in wider for wider in self.to)
                for network in later.to
            )
        )


def _contains(these: frozenset[Any] | None, those: frozenset[Any] | None) -> bool:
    return these is None or (those is not None and those <= these)
