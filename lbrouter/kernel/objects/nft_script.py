"""The nft commands that lead from one table to another, each of them one transaction."""

from collections.abc import Iterable, Iterator, Mapping

from lbrouter.kernel.objects.nft_elements import elements_to_script
from lbrouter.model.kernel_state import NftElements, NftTable
from lbrouter.model.reserved_ids import (
    NAME_SET_PREFIX,
    NFT_TABLE,
    SIDE_TABLE_FAMILIES,
    nft_table_of,
)

NFT_TABLE_SPEC = f"inet {NFT_TABLE}"

SIDE_TABLE_SPECS = {
    f"{family} {NFT_TABLE}": prefix for prefix, family in SIDE_TABLE_FAMILIES.items()
}
"""The tables beside it, each with the prefix of its objects. Only a file with a lane has that of
the lanes."""

SEAL_PREFIX = "seal_"
"""Prefix of an empty chain whose name carries two digests: of the script that was asked for, and of
the kernel's listing after it was loaded. A rule that is altered later changes the second."""

STICKY_SET_PREFIX = "sticky_mac_"
GOTO_UPLINK_CHAIN_PREFIXES = ("goto remember_", "goto displace_")
DYNAMIC_SET_PREFIXES = (
    *("sticky_", "displaced_", "clients_", "client_", "vlans_", NAME_SET_PREFIX),
    *("neighbours_", "sources_", "arp_known", "arp_new"),
)
"""Prefixes of sets that packets fill: kept over a reload, never compared."""

LOGIN_MAP = "login_clients"
"""Filled by `lbrouter login`, each element for some minutes. It names chains of uplinks, so a
reload empties it; and it is never compared."""


def element_change_script(old: Mapping[str, NftElements], new: Mapping[str, NftElements]) -> str:
    """Commands that change only what differs; empty when nothing does."""
    names = [name for name in new if old.get(name, frozenset()) != new[name]]
    changes = (
        _element_change_commands(name, old.get(name, frozenset()), new[name]) for name in names
    )
    lines = [line for change in changes for line in change]
    # Release the clients that stick to an uplink which no longer carries their policy. No
    # slot leads to X any more, so the set `sticky_mac_X` is emptied. It is emptied once more when
    # a slot uses X again: a packet in transit at that moment may have put its client back,
    # which has moved to another uplink since.
    return "\n".join(
        [
            *lines,
            *(
                f"flush set {NFT_TABLE_SPEC} {STICKY_SET_PREFIX}{chain}"
                for chain in sorted(_uplinks_in_slots(old) ^ _uplinks_in_slots(new))
            ),
        ]
    )


def _element_change_commands(name: str, old: NftElements, new: NftElements) -> Iterator[str]:
    if gone := old - new:
        keys = frozenset((key, "") for key, _ in gone)
        yield f"delete element {nft_table_of(name)} {name} {{ {elements_to_script(keys)} }}"
    if come := new - old:
        yield f"add element {nft_table_of(name)} {name} {{ {elements_to_script(come)} }}"


def _uplinks_in_slots(elements: Mapping[str, NftElements]) -> set[str]:
    """X of each chain `remember_X` or `displace_X` that some slot of some policy uses."""
    values = {value for pairs in elements.values() for _, value in pairs}
    return {
        value.removeprefix(prefix)
        for value in values
        for prefix in GOTO_UPLINK_CHAIN_PREFIXES
        if value.startswith(prefix)
    }


def replacement_script(
    table: NftTable, sets: Iterable[tuple[str, str]], chains: Iterable[str]
) -> str:
    """One transaction that makes `table` of what stands (`sets` as (kind, name), `chains`).

    Rules are flushed, not the table deleted: base chains stay hooked all the time. Sets of packets
    survive where the new structure has them.
    """
    named_sets, chains = list(sets), list(chains)
    lines = [f"add table {NFT_TABLE_SPEC}", f"flush table {NFT_TABLE_SPEC}"]
    ending = _ending_side_tables(table, [*chains, *(name for _, name in named_sets)])
    for spec in SIDE_TABLE_SPECS:
        if f"table {spec} {{" in table.script:
            lines += [f"add table {spec}", f"flush table {spec}"]
    lines += [f"delete table {spec}" for spec in ending]
    gone = tuple(ending.values())
    standing = [named_set for named_set in named_sets if not named_set[1].startswith(gone)]
    chains = [chain for chain in chains if not chain.startswith(gone)]
    lines += [
        f"flush {kind} {nft_table_of(name)} {name}"
        for kind, name in standing
        if not name.startswith(DYNAMIC_SET_PREFIXES)
    ]
    lines += [
        f"delete chain {NFT_TABLE_SPEC} {name}" for name in chains if name.startswith(SEAL_PREFIX)
    ]
    lines += [
        f"delete chain {nft_table_of(name)} {name}"
        for name in chains
        if _is_stale("chain", name, table)
    ]
    lines += [f"delete {k} {nft_table_of(n)} {n}" for k, n in standing if _is_stale(k, n, table)]
    lines += [
        f"flush set {NFT_TABLE_SPEC} {STICKY_SET_PREFIX}{suffix}"
        for suffix in _unused_sticky_sets(standing, table)
    ]
    lines += [table.script]
    lines += [
        f"add element {nft_table_of(name)} {name} {{ {elements_to_script(elements)} }}"
        for name, elements in sorted(table.elements.items())
        if elements
    ]
    return "\n".join(lines) + "\n"


def removal_script(specs: Iterable[str]) -> str:
    """One transaction that removes the tables `specs`; removing them twice is no error."""
    return "\n".join(f"add table {spec}; delete table {spec}" for spec in specs)


def _ending_side_tables(table: NftTable, standing_names: Iterable[str]) -> dict[str, str]:
    """The tables beside ours that stand and that `table` does not have, with their prefixes."""
    names = list(standing_names)
    return {
        spec: prefix
        for spec, prefix in SIDE_TABLE_SPECS.items()
        if f"table {spec} {{" not in table.script and any(n.startswith(prefix) for n in names)
    }


def _unused_sticky_sets(standing: Iterable[tuple[str, str]], table: NftTable) -> Iterator[str]:
    """X of each set `sticky_mac_X` that stays, but whose uplink no slot uses any more."""
    for kind, name in standing:
        suffix = name.removeprefix(STICKY_SET_PREFIX)
        kept = name.startswith(STICKY_SET_PREFIX) and not _is_stale(kind, name, table)
        if kept and suffix not in _uplinks_in_slots(table.elements):
            yield suffix


def _is_stale(kind: str, name: str, table: NftTable) -> bool:
    """Whether the new structure no longer has this object. Seals are dealt with on their own."""
    return not name.startswith(SEAL_PREFIX) and f"\t{kind} {name} {{" not in table.script
