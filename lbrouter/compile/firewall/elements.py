"""The elements of the static sets and maps: names, addresses, verdicts, for the structure's chains.

Keys and values are nft's own words without quotes ("fiber", "16777216 . fiber", "goto set_mark_1");
`kernel.objects.nft_elements` adds quotes where needed and reads the kernel's answer back into the
same words.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from ipaddress import ip_network
from itertools import product

from lbrouter.compile.firewall import (
    client_limits,
    connection_bounds,
    flow_moves,
    lane_copies,
    neighbour_bounds,
    public_services,
    sticky_clients,
)
from lbrouter.compile.firewall.element_words import collapsed, network_word
from lbrouter.compile.firewall.flow_moves import PolicyShares
from lbrouter.compile.firewall.gateway_services import gateway_services
from lbrouter.compile.firewall.modems import (
    PRIVATE_NETWORKS,
    modem_lines,
    opened_networks,
    reaches_modems,
    uplink_subnets,
)
from lbrouter.compile.routing.balance import lacks_uplinks, select_uplinks, slot_table
from lbrouter.compile.routing.uplink_addressing import uplink_nexthop
from lbrouter.model.config import Config, Policy, PolicyMode
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import AddressFamily, IpNetwork, NftElements
from lbrouter.model.reserved_ids import uplink_mark

BOGON_NETWORKS = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # "this network", RFC 1122
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, RFC 3927
        "224.0.0.0/3",  # multicast and reserved: never a source, RFC 5771, RFC 1112
        "::1/128",  # loopback
        "::ffff:0:0/96",  # IPv4-mapped, RFC 4291
        "ff00::/8",  # multicast
    )
)
"""Sources that no packet from an ISP has. Private ones are not here: a modem has one."""


def elements(
    config: Config, *, allocation: Allocation, health: GatewayHealth, facts: Facts
) -> dict[str, NftElements]:
    """Elements by the name of their set or map, for every static one of the structure."""
    shares = {
        (policy.name, family): select_uplinks(config, policy, health, family, facts)
        for policy in config.policies.values()
        for family in AddressFamily
    }
    numbers = {name: allocation.uplinks[name] for name in config.uplinks}
    return {
        **_interfaces(config, allocation),
        "mark_verdict": _goto_elements(
            {str(uplink_mark(number)): f"restore_mark_{number}" for number in numbers.values()}
        ),
        "allowed_egress": _set_elements(
            f"{uplink_mark(number)} . {config.uplinks[name].device}"
            for name, number in numbers.items()
        ),
        **_sources(config, facts),
        **public_services.elements(config, facts),
        **_policies(config, allocation, facts, shares),
        **flow_moves.elements(
            config, allocation=allocation, health=health, facts=facts, shares=shares
        ),
        **_modems(config, facts),
        **_modem_lines(config, allocation, facts),
        **_near_lines(config, numbers, facts),
        **client_limits.elements(config),
        **sticky_clients.elements(config),
        **connection_bounds.elements(config),
        **neighbour_bounds.elements(config, allocation),
        **lane_copies.elements(config, allocation=allocation, health=health, facts=facts),
    }


def guard_elements(config: Config, allocation: Allocation) -> dict[str, NftElements]:
    """Elements of a table that forwards nothing: the known interfaces, and which may reach us.

    The gateway itself gets replies to its own flows; `manage` VLANs reach it as usual.
    """
    dispatch = _interfaces(config, allocation)
    return {name: dispatch[name] for name in ("known_interfaces", "input_dispatch")}


def interfaces_of(config: Config) -> Iterator[str]:
    """Every interface that the file names: uplinks, the trunk, VLAN devices and ports.

    Also the Ethernet port below a PPPoE line or a provider's tag: IP packets there are not ours, so
    it is known as an interface, and is in no other set.
    """
    for uplink in config.uplinks.values():
        yield from dict.fromkeys((uplink.port, uplink.interface, uplink.device))
    for vlan in config.vlans.values():
        yield config.vlan_device(vlan)
    if config.lan is not None:
        yield config.lan.trunk


def _interfaces(config: Config, allocation: Allocation) -> dict[str, NftElements]:
    numbers = {u.device: allocation.uplinks[name] for name, u in config.uplinks.items()}
    vlans = {config.vlan_device(vlan): vlan for vlan in config.vlans.values()}
    manage = {device: "manage" if vlan.manage else "vlan" for device, vlan in vlans.items()}
    return {
        "known_interfaces": _set_elements(interfaces_of(config)),
        "uplinks": _set_elements(numbers),
        "prerouting_dispatch": _goto_elements({n: f"from_uplink_{i}" for n, i in numbers.items()})
        | _goto_elements({device: f"from_vlan_{vlan.name}" for device, vlan in vlans.items()}),
        "input_dispatch": _goto_elements(dict.fromkeys(numbers, "input_uplink"))
        | _goto_elements({device: f"input_{kind}" for device, kind in manage.items()}),
        "forward_dispatch": _goto_elements(dict.fromkeys(numbers, "forward_from_uplink"))
        | _goto_elements(dict.fromkeys(vlans, "forward_from_vlan")),
        "vlan_egress_dispatch": _goto_elements(dict.fromkeys(numbers, "forward_to_uplink"))
        | _goto_elements(dict.fromkeys(vlans, "forward_to_vlan")),
        "mark_by_oifname": _goto_elements({n: f"set_mark_{i}" for n, i in numbers.items()}),
        "vlan_reach": _set_elements(
            f"{config.vlan_device(vlan)} . {config.vlan_device(config.vlans[other])}"
            for vlan in config.vlans.values()
            for other in vlan.reach
        ),
        "vlan_services": _set_elements(
            f"{config.vlan_device(vlan)} . {service.protocol} . {service.port}"
            for vlan in config.vlans.values()
            for service in gateway_services(config, vlan)
        ),
        "same_vlan": _set_elements(f"{device} . {device}" for device in vlans),
        "masquerade_dispatch": _goto_elements(
            {device: f"masquerade_{vlan.name}" for device, vlan in vlans.items()}
        ),
    }


def _sources(config: Config, facts: Facts) -> dict[str, NftElements]:
    inside = [network for vlan in config.vlans.values() for network in vlan.networks]
    never = [*BOGON_NETWORKS, *inside, *_own_addresses(config, facts)]
    return {
        "local4": _network_elements(inside, 4),
        "local6": _network_elements(inside, 6),
        "bogon4": _network_elements(never, 4),
        "bogon6": _network_elements(never, 6),
    }


def _modems(config: Config, facts: Facts) -> dict[str, NftElements]:
    opened = [
        (config.vlan_device(vlan), network)
        for vlan in config.vlans.values()
        for network in collapsed(opened_networks(config, vlan, facts))
    ]
    return {
        "private4": _network_elements(PRIVATE_NETWORKS, 4),
        "private6": _network_elements(PRIVATE_NETWORKS, 6),
        "modem_vlans": _set_elements(
            config.vlan_device(vlan) for vlan in config.vlans.values() if reaches_modems(vlan)
        ),
        **{
            f"modem_rules{version}": _set_elements(
                f"{device} . {network_word(network)}"
                for device, network in opened
                if network.version == version
            )
            for version in (4, 6)
        },
    }


def _modem_lines(config: Config, allocation: Allocation, facts: Facts) -> dict[str, NftElements]:
    lines = modem_lines(config, facts)
    return {
        f"modem_lines{version}": _goto_elements(
            {
                network_word(network): f"assign_mark_{allocation.uplinks[name]}"
                for network, name in lines.items()
                if network.version == version
            }
        )
        for version in (4, 6)
    }


def _near_lines(config: Config, numbers: Mapping[str, int], facts: Facts) -> dict[str, NftElements]:
    """The subnet of each line, for that line alone."""
    near = {
        f"near{version}_{number}": _network_elements(
            uplink_subnets(config.uplinks[name], facts), version
        )
        for name, number in numbers.items()
        for version in (4, 6)
    }
    chains = {config.uplinks[name].device: f"refuse_near_{n}" for name, n in numbers.items()}
    return {**near, "near_dispatch": _goto_elements(chains)}


def _own_addresses(config: Config, facts: Facts) -> Iterator[IpNetwork]:
    """The uplinks' own addresses as host networks: no packet from outside has one as its source."""
    for uplink in config.uplinks.values():
        for family in AddressFamily:
            way = uplink_nexthop(uplink, family, facts)
            if way is not None:
                yield ip_network(way.address.ip)
        yield from (ip_network(further.ip) for further in uplink.addresses)
    yield from (ip_network(entry.public) for entry in config.maps)


def _policies(
    config: Config, allocation: Allocation, facts: Facts, shares: PolicyShares
) -> dict[str, NftElements]:
    by_name: dict[str, NftElements] = {}
    for name, policy in config.policies.items():
        slots = {
            family: [allocation.uplinks[uplink] for uplink in slot_table(shares[name, family])]
            for family in AddressFamily
        }
        if policy.mode is PolicyMode.FAILOVER:
            by_name.update(_failover_elements(name, slots))
            continue
        for family, numbers in slots.items():
            chosen = [share.uplink for share in shares[name, family]]
            chain = _drawn_chain(config, policy, family, facts, chosen)
            by_name[f"slots_{name}_{family}"] = _goto_elements(
                {str(slot): chain.format(number) for slot, number in enumerate(numbers)}
            )
        if policy.sticky:
            own = [allocation.uplinks[uplink] for uplink in policy.uplinks]
            by_name.update(_sticky_elements(policy, slots, own))
    return by_name


def _failover_elements(
    name: str, slot_tables: Mapping[AddressFamily, list[int]]
) -> dict[str, NftElements]:
    """One uplink carries everything: all slots of the slot table are the same."""
    active = {
        f"ipv{f.version}": f"assign_mark_{slots[0]}" for f, slots in slot_tables.items() if slots
    }
    return {f"active_{name}": _goto_elements(active)}


def _drawn_chain(
    config: Config, policy: Policy, family: AddressFamily, facts: Facts, chosen: Container[str]
) -> str:
    """Where a slot leads, with a place for the uplink's number. Only a sticky policy remembers.

    What a client draws while an uplink is missing ends after the sticky time, whatever it sends.
    """
    if not policy.sticky:
        return "assign_mark_{}"
    missing = lacks_uplinks(config, policy, family, facts, chosen)
    return f"{'displace' if missing else 'remember'}_{policy.name}_{{}}_{family}"


def _sticky_elements(
    policy: Policy, slot_tables: Mapping[AddressFamily, list[int]], numbers: Iterable[int]
) -> dict[str, NftElements]:
    """Where a client may stay: on an uplink that the slot table still has."""
    by_name: dict[str, NftElements] = {}
    for family, number in product(slot_tables, numbers):
        name = f"{policy.name}_{number}_{family}"
        drawn = number in slot_tables[family]
        by_name[f"eligible_{name}"] = _goto_elements(
            {f"ipv{family.version}": f"keep_{name}"} if drawn else {}
        )
    return by_name


def _set_elements(keys: Iterable[str]) -> NftElements:
    return frozenset((key, "") for key in keys)


def _goto_elements(chains: Mapping[str, str]) -> NftElements:
    return frozenset((key, f"goto {chain}") for key, chain in chains.items())


def _network_elements(networks: Iterable[IpNetwork], version: int) -> NftElements:
    return _set_elements(network_word(n) for n in collapsed(networks) if n.version == version)
