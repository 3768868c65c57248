"""What must hold after every step of a plan, as sets of what breaks it."""

from collections import defaultdict
from collections.abc import Set as AbstractSet

from lbrouter.model.kernel_state import KernelState, NftTable
from lbrouter.model.reserved_ids import uplink_number_of_mark


def unsafe_parts(state: KernelState, ours: AbstractSet[str]) -> dict[str, AbstractSet[object]]:
    """Each rule that `state` breaks, with what breaks it. `ours` are the interfaces to protect."""
    found: dict[str, AbstractSet[object]] = {
        "marks without a rule": _marks_without_a_rule(state),
        "rules at empty tables": _rules_at_empty_tables(state),
        "classes whose children have more": _overbooked_parents(state),
        "interfaces without a firewall": _unprotected_interfaces(state) & ours,
    }
    return {rule: broken for rule, broken in found.items() if broken}


def _marks_without_a_rule(state: KernelState) -> set[int]:
    """Uplink numbers that the ruleset assigns and that no routing rule matches."""
    routed = {uplink_number_of_mark(rule.mark) for rule in state.rules if rule.mark and rule.table}
    return _assigned_uplinks(state.nft) - routed


def _assigned_uplinks(table: NftTable | None) -> set[int]:
    if table is None:
        return set()
    policies = [e for name, e in table.elements.items() if name.startswith(("active_", "slots_"))]
    verdicts = {verdict for elements in policies for _, verdict in elements}
    return {
        int(verdict.removesuffix("_ip6").removesuffix("_ip").rpartition("_")[2])
        for verdict in verdicts
    }


def _rules_at_empty_tables(state: KernelState) -> set[int]:
    held = {(route.family, route.table) for route in state.routes}
    wanted = {(rule.family, rule.table) for rule in state.rules if rule.mark and rule.table}
    return {table for family, table in wanted - held}


def _overbooked_parents(state: KernelState) -> set[object]:
    rates = {(c.interface, c.classid): c.rate for c in state.classes}
    sums: dict[object, int] = defaultdict(int)
    for each in state.classes:
        sums[each.interface, each.parent] += each.rate
    return {parent for parent, rate in rates.items() if sums[parent] > rate}


def _unprotected_interfaces(state: KernelState) -> set[str]:
    """Interfaces that are up with an address of ours, and that the firewall does not know."""
    named = {key for key, _ in state.nft.elements["known_interfaces"]} if state.nft else set()
    addressed = {address.interface for address in state.addresses}
    up = {link.interface for link in state.links if link.up}
    return (addressed & up) - named
