"""Checks of the policy rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final

from lbrouter.compile.config.checks.names import twice, unknown
from lbrouter.compile.config.diagnostics import Finding, Path
from lbrouter.model.config import Config, PolicyRule, Protocol
from lbrouter.model.kernel_state import IpNetwork

WITH_PORTS: Final = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)

OTHER_FAMILY: Final = {Protocol.ICMP: 6, Protocol.ICMPV6: 4}
"""The family in which a protocol does not occur."""

EVERYWHERE: Final[tuple[IpNetwork, ...]] = (ip_network("0.0.0.0/0"), ip_network("::/0"))


MAX_COMPARED: Final = 4096
"""Pairs of networks that are compared to find out whether a rule covers another."""


def faults(config: Config) -> Iterator[Finding]:
    """Rules that name what does not exist, or that no packet can match."""
    for index, rule in enumerate(config.rules):
        where: Path = ("rules", index)
        yield from unknown("policies", rule.policy, config.policies, (*where, "policy"))
        yield from twice(rule.from_, (*where, "from"))
        for place, name in enumerate(rule.from_):
            yield from unknown("vlans", name, config.vlans, (*where, "from", place))
        yield from _ports(rule, where)
        yield from _family(rule, where)


def _ports(rule: PolicyRule, where: Path) -> Iterator[Finding]:
    path = (*where, "ports")
    yield from twice(rule.ports, path)
    if rule.ports and rule.protocol not in WITH_PORTS:
        missing = rule.protocol is None
        why = "ports need a protocol" if missing else f"{rule.protocol} has no ports"
        accepted = 'protocol = "tcp", "udp" or "sctp"'
        needs = ((*where, "protocol"),)
        yield Finding(path=path, value=rule.ports, reason=why, accepted=accepted, needs=needs)


def _family(rule: PolicyRule, where: Path) -> Iterator[Finding]:
    version = OTHER_FAMILY.get(rule.protocol) if rule.protocol else None
    for index, network in enumerate(rule.to):
        if network.version == version:
            why = f"{rule.protocol} does not occur in IPv{version}"
            accepted = f"a network of IPv{10 - version}"
            yield Finding(path=(*where, "to", index), value=network, reason=why, accepted=accepted)


def doubts(config: Config) -> Iterator[Finding]:
    """Rules that never match, because an earlier one takes all that they would."""
    everyone = frozenset(config.vlans)
    matches = [Match.of(rule, everyone) for rule in config.rules]
    for index, match in enumerate(matches):
        earlier = next((n for n in range(index) if matches[n].covers(match)), None)
        if earlier is not None:
            why = f"never matches: rules[{earlier}] takes all that it would"
            yield Finding(path=("rules", index), reason=why, accepted="another order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a rule matches, as sets; None means everything."""

    sources: frozenset[str] | None
    protocol: Protocol | None
    ports: frozenset[int] | None
    to: tuple[IpNetwork, ...]

    @classmethod
    def of(cls, rule: PolicyRule, everyone: frozenset[str]) -> "Match":
        """The match of `rule`, where the VLANs of the file are `everyone`."""
        sources = frozenset(rule.from_)
        return cls(
            sources=None if not sources or sources == everyone else sources,
            protocol=rule.protocol,
            ports=frozenset(rule.ports) or None,
            to=rule.to or EVERYWHERE,
        )

    def covers(self, later: "Match") -> bool:
        """Whether all that `later` matches is matched by this one too."""
        return (
            self.protocol in (None, later.protocol)
            and _holds(self.sources, later.sources)
            and _holds(self.ports, later.ports)
            and len(self.to) * len(later.to) <= MAX_COMPARED
            and all(_within(network, self.to) for network in later.to)
        )


def _holds(these: frozenset[Any] | None, those: frozenset[Any] | None) -> bool:
    return these is None or (those is not None and those <= these)


def _within(network: IpNetwork, others: tuple[IpNetwork, ...]) -> bool:
    first, last = network.network_address, network.broadcast_address
    return any(first in other and last in other for other in others)
