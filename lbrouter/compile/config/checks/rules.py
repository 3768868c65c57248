"""Checks of the policy rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from lbrouter.compile.config.checks.names import duplicates, undefined_reference
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.model.config import Config, PolicyRule, Protocol
from lbrouter.model.kernel_state import IpNetwork
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.sections.ports import PortRange

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
        yield from _port_errors(rule, path)
        if rule.ports and rule.protocol not in RULE_PROTOCOLS_WITH_PORTS:
            missing = rule.protocol is None
            why = (
                "ports need a protocol"
                if missing
                else phrase("{protocol} has no ports", protocol=rule.protocol)
            )
            accepted = 'protocol = "tcp", "udp" or "sctp"'
            needs = ((*where, "protocol"),)
            given = [ports.toml_value() for ports in rule.ports]
            yield Diagnostic(
                path=path, value=given, reason=why, accepted=accepted, depends_on=needs
            )
        yield from _family_errors(rule, where)
        yield from _source_errors(config, rule, where)


def _port_errors(rule: PolicyRule, path: KeyPath) -> Iterator[Diagnostic]:
    """Ports that stand in the list twice, or in a range of it as well."""
    for index, ports in enumerate(rule.ports):
        earlier = next((one for one in rule.ports[:index] if one.overlaps(ports)), None)
        if earlier is not None:
            why = (
                "is in this list twice"
                if earlier == ports
                else phrase("overlaps {earlier}", earlier=earlier)
            )
            value = ports.toml_value()
            yield Diagnostic(path=(*path, index), value=value, reason=why, accepted="each once")


def _source_errors(config: Config, rule: PolicyRule, where: KeyPath) -> Iterator[Diagnostic]:
    """Sources that are in none of the rule's VLANs, or of another family than all destinations."""
    names = [name for name in rule.from_ or config.vlans if name in config.vlans]
    inside = [network for name in names for network in config.vlans[name].networks]
    versions = {network.version for network in rule.networks} if not rule.names else set()
    for index, source in enumerate(rule.source):
        path = (*where, "source", index)
        if inside and not any(is_subnet(source, network) for network in inside):
            what = phrase("the VLANs of this rule")
            if len(rule.from_) == 1:
                what = phrase("VLAN {vlan}", vlan=rule.from_[0])
            elif not rule.from_:
                what = phrase("any VLAN")
            accepted = phrase("a host or subnet of {what}", what=what)
            example = inside[0][-2]
            accepted = phrase('{what}, such as "{example}"', what=accepted, example=example)
            yield Diagnostic(
                path=path,
                value=str(source),
                reason=phrase("is not in {what}", what=what),
                accepted=accepted,
                depends_on=(("vlans",), (*where, "from")),
            )
        elif versions and source.version not in versions:
            why = phrase(
                "is IPv{version}, and no destination of this rule is", version=source.version
            )
            accepted = phrase(
                "a destination of IPv{version}, or a source of the other family",
                version=source.version,
            )
            yield Diagnostic(
                path=path,
                value=str(source),
                reason=why,
                accepted=accepted,
                depends_on=((*where, "to"),),
            )


def _family_errors(rule: PolicyRule, where: KeyPath) -> Iterator[Diagnostic]:
    version = EXCLUDED_IP_VERSION.get(rule.protocol) if rule.protocol else None
    for index, network in enumerate(rule.to):
        if version is not None and not isinstance(network, str) and network.version == version:
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
    """What a rule matches; None means everything."""

    vlans: frozenset[str] | None
    sources: tuple[IpNetwork, ...] | None
    protocol: Protocol | None
    ports: tuple[PortRange, ...] | None
    to: tuple[IpNetwork, ...]
    names: frozenset[str]

    @classmethod
    def from_rule(cls, rule: PolicyRule, all_vlans: frozenset[str]) -> "RuleMatch":
        """The match of `rule`, where `all_vlans` are the VLANs of the file."""
        vlans = frozenset(rule.from_)
        return cls(
            vlans=None if not vlans or vlans == all_vlans else vlans,
            sources=rule.source or None,
            protocol=rule.protocol,
            ports=rule.ports or None,
            to=rule.networks if rule.to else ALL_NETWORKS,
            names=frozenset(rule.names),
        )

    def covers(self, later: "RuleMatch") -> bool:
        """Whether all that `later` matches is matched by this one too."""
        return (
            self.protocol in (None, later.protocol)
            and _contains(self.vlans, later.vlans)
            and self._covers_ports(later)
            and self._covers_sources(later)
            and self._covers_destinations(later)
        )

    def _covers_ports(self, later: "RuleMatch") -> bool:
        if self.ports is None:
            return True
        return later.ports is not None and all(
            any(wider.covers(ports) for wider in self.ports) for ports in later.ports
        )

    def _covers_sources(self, later: "RuleMatch") -> bool:
        if self.sources is None:
            return True
        return later.sources is not None and _contain_all(self.sources, later.sources)

    def _covers_destinations(self, later: "RuleMatch") -> bool:
        """A name may have any address: only what goes everywhere, or the same name, covers it."""
        covered = later.names <= self.names or set(ALL_NETWORKS) <= set(self.to)
        return covered and _contain_all(self.to, later.to)


def is_subnet(network: IpNetwork, wider: IpNetwork) -> bool:
    """Whether `wider` holds all of `network`; never where the families differ."""
    return network[0] in wider and network[-1] in wider


def _contain_all(these: Sequence[IpNetwork], those: Sequence[IpNetwork]) -> bool:
    return len(these) * len(those) <= MAX_NETWORK_PAIRS_COMPARED and all(
        any(is_subnet(network, wider) for wider in these) for network in those
    )


def _contains(these: frozenset[str] | None, those: frozenset[str] | None) -> bool:
    return these is None or (those is not None and those <= these)
