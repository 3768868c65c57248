"""The nft commands that lead from one table to another, each of them one transaction."""

from collections.abc import Iterable, Iterator, Mapping

from lbrouter.kernel.objects.nft_elements import element_words
from lbrouter.model.kernel_state import Elements, NftTable
from lbrouter.model.reserved_ids import NFT_TABLE

TABLE = f"inet {NFT_TABLE}"

SEAL = "seal_"
"""Prefix of an empty chain whose name carries two digests: of the script that was asked for, and of
the kernel's listing after it was loaded. A rule that somebody alters later breaks the second."""

STUCK = "stuck_"
BY = "goto by_"
DYNAMIC = (STUCK, "clients", "client_")
"""Prefixes of sets that packets fill: kept over a reload, never compared."""


def changed_elements(old: Mapping[str, Elements], new: Mapping[str, Elements]) -> str:
    """Commands that change only what differs; empty when nothing does."""
    names = [name for name in new if old.get(name, frozenset()) != new[name]]
    changes = (_changed(name, old.get(name, frozenset()), new[name]) for name in names)
    lines = [line for change in changes for line in change]
    return "\n".join([*lines, *_forgotten(old, new)])


def _changed(name: str, old: Elements, new: Elements) -> Iterator[str]:
    if gone := old - new:
        yield f"delete element {TABLE} {name} {{ {_keys(gone)} }}"
    if come := new - old:
        yield f"add element {TABLE} {name} {{ {element_words(come)} }}"


def _keys(elements: Elements) -> str:
    return element_words(frozenset((key, "") for key, _ in elements))


def _forgotten(old: Mapping[str, Elements], new: Mapping[str, Elements]) -> Iterator[str]:
    """Clients that are stuck to an uplink which no longer carries their policy are set free.

    Its chain `by_X` is drawn by no slot of the wheel any more, so the set `stuck_X` is emptied. It
    is emptied once more when X is drawn again: a packet that was on its way in that moment may have
    put its client back, who has found another line since.
    """
    for chain in sorted(_drawn(old) ^ _drawn(new)):
        yield f"flush set {TABLE} {STUCK}{chain}"


def _drawn(elements: Mapping[str, Elements]) -> set[str]:
    """X of each chain `by_X` that some slot of some wheel draws."""
    values = {value for each in elements.values() for _, value in each}
    return {value.removeprefix(BY) for value in values if value.startswith(BY)}


def replacement(table: NftTable, sets: Iterable[tuple[str, str]], chains: Iterable[str]) -> str:
    """One transaction that makes `table` of what stands (`sets` as (kind, name), `chains`).

    Rules are flushed, not the table deleted: base chains stay hooked all the time. Sets of packets
    survive where the new structure has them.
    """
    standing = list(sets)
    lines = [f"add table {TABLE}", f"flush table {TABLE}"]
    lines += [f"flush {kind} {TABLE} {name}" for kind, name in standing if not _dynamic(name)]
    lines += [f"delete chain {TABLE} {name}" for name in chains if name.startswith(SEAL)]
    lines += [f"delete chain {TABLE} {name}" for name in chains if _stale("chain", name, table)]
    lines += [f"delete {k} {TABLE} {n}" for k, n in standing if _stale(k, n, table)]
    lines += [f"flush set {TABLE} {STUCK}{each}" for each in _abandoned(standing, table)]
    lines += [table.script]
    lines += [
        f"add element {TABLE} {name} {{ {element_words(elements)} }}"
        for name, elements in sorted(table.elements.items())
        if elements
    ]
    return "\n".join(lines) + "\n"


def _abandoned(standing: Iterable[tuple[str, str]], table: NftTable) -> Iterator[str]:
    """X of each set `stuck_X` that stays, but whose uplink no slot draws any more."""
    for kind, name in standing:
        stuck = name.removeprefix(STUCK)
        kept = name.startswith(STUCK) and not _stale(kind, name, table)
        if kept and stuck not in _drawn(table.elements):
            yield stuck


def _dynamic(name: str) -> bool:
    return name.startswith(DYNAMIC)


def _stale(kind: str, name: str, table: NftTable) -> bool:
    """Whether the new structure no longer has this object. Seals are dealt with on their own."""
    return not name.startswith(SEAL) and f"\t{kind} {name} {{" not in table.script
