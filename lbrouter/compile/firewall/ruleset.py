"""The structure of the nft table: which chains there are, filled from `rulesets/`.

What varies while the gateway runs (the uplinks of a policy, what is allowed from where) is not
here but in the elements (`compile.firewall.elements`): a failover changes no structure.
"""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from ipaddress import IPv6Network
from itertools import groupby
from typing import Final

from lbrouter.compile.firewall import (
    client_limits,
    connection_bounds,
    helpers,
    lane_copies,
    neighbour_bounds,
    public_services,
    rule_matches,
    sticky_clients,
)
from lbrouter.compile.firewall.element_words import collapsed
from lbrouter.compile.firewall.templates import STRUCTURE_FILE, read_ruleset, render_fragment
from lbrouter.model.config import Config, PolicyMode, PolicyRule
from lbrouter.model.facts import (
    DEFAULT_CONNECTION_TABLE_SIZE,
    DEFAULT_NEIGHBOUR_TABLE_SIZE,
    Allocation,
)
from lbrouter.model.kernel_state import IpNetwork
from lbrouter.model.reserved_ids import BALANCE_SLOTS, FOREIGN_MARK_MASK, MARK_MASK, uplink_mark

IPV6_LINK_LOCAL = IPv6Network("fe80::/10")

TABLE_BLOCK_PATTERN = re.compile(r"^(table \w+ lbrouter \{)\n(.*?)^\}$", re.MULTILINE | re.DOTALL)

TRANSLATED_PORTS: Final = range(1024, 65536)


def structure(
    config: Config,
    allocation: Allocation,
    *,
    connection_table_size: int = DEFAULT_CONNECTION_TABLE_SIZE,
    neighbour_table_size: int = DEFAULT_NEIGHBOUR_TABLE_SIZE,
) -> str:
    """The whole structure as nft text: defines, then `rulesets/lbrouter.nft` and its fragments.

    Each file of `rulesets/` is whole by itself; here their tables become one block each, because
    libnftables keeps half a megabyte for each block (3.5 GB for 8 uplinks and 64 VLANs).
    """
    numbers = {name: allocation.uplinks[name] for name in config.uplinks}
    parts = (
        read_ruleset(STRUCTURE_FILE),
        *(
            render_fragment("uplink", name=name, number=number, mark=f"{uplink_mark(number):#010x}")
            for name, number in numbers.items()
        ),
        *_policies(config),
        *sticky_clients.structure(config, allocation),
        *_vlans(config),
        *_rules(config),
        *rule_matches.name_sets(config),
        *public_services.structure(config),
        *helpers.structure(config),
        *client_limits.structure(config),
        *connection_bounds.structure(config, connection_table_size),
        *neighbour_bounds.structure(config, allocation, neighbour_table_size),
        *lane_copies.structure(config, allocation),
    )
    defines = (
        f"define MARK_MASK = {MARK_MASK:#010x}\n"
        f"define FOREIGN_MARK_MASK = {FOREIGN_MARK_MASK:#010x}\n"
    )
    bodies: dict[str, list[str]] = {}
    for part in parts:
        for table, body in TABLE_BLOCK_PATTERN.findall(part):
            bodies.setdefault(table, []).append(body)
    return defines + "".join(
        f"{table}\n{chr(10).join(found)}}}\n" for table, found in bodies.items()
    )


def digest(text: str) -> str:
    """Digest of a structure: 16 hexadecimal digits, short enough to stand in a chain's name."""
    return sha256(text.encode()).hexdigest()[:16]


def _policies(config: Config) -> Iterator[str]:
    for name, policy in config.policies.items():
        if policy.mode is PolicyMode.FAILOVER:
            yield render_fragment("policy-failover", name=name)
            continue
        yield render_fragment("policy-balance", name=name, slots=BALANCE_SLOTS)


def _vlans(config: Config) -> Iterator[str]:
    # The translated ports of each VLAN, alike. Below 1024 nothing is translated (RFC 4787).
    count = len(config.vlans)
    size = len(TRANSLATED_PORTS) // max(1, count)
    slices = [TRANSLATED_PORTS[index * size : (index + 1) * size] for index in range(count)]
    for (name, vlan), ports in zip(config.vlans.items(), slices, strict=True):
        # What a VLAN's packets may carry as their source, as nft words for each family.
        four = [network for network in vlan.networks if network.version == 4]
        six = [network for network in vlan.networks if network.version == 6]
        yield render_fragment(
            "vlan",
            name=name,
            policy=vlan.policy,
            sources4=_set_words(collapsed(four)) if vlan.routes else str(vlan.address.network),
            sources6=_set_words([IPV6_LINK_LOCAL, *collapsed(six)]),
            own4=str(vlan.address.ip),
            own6="::" if vlan.address6 is None else str(vlan.address6.ip),
            first_port=ports[0],
            last_port=ports[-1],
        )


def _set_words(networks: Iterable[IpNetwork]) -> str:
    """An anonymous set of networks."""
    return "{ " + ", ".join(str(network) for network in networks) + " }"


def _rules(config: Config) -> Iterator[str]:
    """The rules in the order of the file; those for every VLAN stand once, in a common chain."""
    numbered = enumerate(config.rules)
    for is_shared, found in groupby(numbered, key=lambda numbered_rule: not numbered_rule[1].from_):
        rules = list(found)
        if not is_shared:
            for index, rule in rules:
                for vlan in rule.from_:
                    yield from _rule(f"rules_{vlan}", index, rule)
            continue
        chain = f"shared_rules_{rules[0][0]}"
        for index, rule in rules:
            yield from _rule(chain, index, rule)
        for vlan in config.vlans:
            yield render_fragment("shared-rules", vlan=vlan, chain=chain)


def _rule(chain: str, index: int, rule: PolicyRule) -> Iterator[str]:
    for match in rule_matches.matches(rule):
        yield render_fragment("rule", chain=chain, match=match, policy=rule.policy, index=index)
