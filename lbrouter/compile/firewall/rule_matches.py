"""What a rule of the file matches, in nft's words; the sets of addresses of names."""

from collections.abc import Iterable, Iterator
from typing import Final

from lbrouter.compile.firewall.element_words import NFT_ADDRESS_TYPES, collapsed
from lbrouter.compile.firewall.templates import render_fragment
from lbrouter.model.config import Config, PolicyRule
from lbrouter.model.kernel_state import AddressFamily, IpNetwork
from lbrouter.model.reserved_ids import NAME_SET_PREFIX

ADDRESSES_OF_NAME: Final = 4096
"""Addresses that are kept for one name, in each family. More are not learned."""

NAME_TIMEOUT: Final = "1d"
"""How long an address is kept after its name was asked for, or a new flow went there."""


def name_set(name: str, family: AddressFamily) -> str:
    """The nft set with the addresses of a name."""
    return f"{NAME_SET_PREFIX}{name}_{family}"


def names_of_rules(config: Config) -> list[str]:
    """Each name that a rule leads to, once, in the order of the file."""
    return list(dict.fromkeys(name for rule in config.rules for name in rule.names))


def name_sets(config: Config) -> Iterator[str]:
    """The sets that dnsmasq fills, one for each name and family."""
    for name in names_of_rules(config):
        for family in AddressFamily:
            yield render_fragment(
                "rule-names",
                name=name,
                family=family,
                address_type=NFT_ADDRESS_TYPES[family],
                size=ADDRESSES_OF_NAME,
                timeout=NAME_TIMEOUT,
            )


def matches(rule: PolicyRule) -> Iterator[str]:
    """The conditions of a rule, one for each family and each kind of destination it speaks of."""
    transport = f"meta l4proto {rule.protocol}" if rule.protocol else ""
    if rule.ports:
        transport = f"{rule.protocol} dport {{ {', '.join(map(str, rule.ports))} }}"
    if not rule.to and not rule.source:
        yield transport or "meta nfproto { ipv4, ipv6 }"
        return
    for family in AddressFamily:
        source = _addresses(family, "saddr", rule.source)
        if source is None:
            continue
        for destination in _destinations(family, rule):
            yield " ".join(filter(None, (source, destination, transport)))


def _destinations(family: AddressFamily, rule: PolicyRule) -> Iterator[str]:
    networks = _addresses(family, "daddr", rule.networks)
    if networks is not None and (rule.networks or not rule.names):
        yield networks
    for name in rule.names:
        known = f"@{name_set(name, family)}"
        renewed = f"update {known} {{ {family} daddr timeout {NAME_TIMEOUT} }}"
        yield f"{family} daddr {known} {renewed}"


def _addresses(family: AddressFamily, field: str, networks: Iterable[IpNetwork]) -> str | None:
    """A condition on an address; "" where there is none, None where no packet can meet it."""
    given = list(networks)
    own = [network for network in given if network.version == family.version]
    if not given:
        return ""
    if not own:
        return None
    if any(network.prefixlen == 0 for network in own):
        return f"meta nfproto ipv{family.version}"
    return f"{family} {field} {{ {', '.join(map(str, collapsed(own)))} }}"
