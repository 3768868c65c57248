"""Steps of the nft table: the firewall knows an interface before it comes up, and after it goes."""

from collections.abc import Iterator, Mapping
from typing import Final

from lbrouter.model.kernel_state import NftElements, NftTable
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.plan import Action, Operation, Phase

KNOWN_INTERFACES: Final = "known_interfaces"
"""The set of every interface that the firewall judges, see `rulesets/lbrouter.nft`."""

GUARD_SETS: Final = (KNOWN_INTERFACES, "named")
"""That set by its present name, and by its earlier one: such a table may still stand."""


def nft_steps(old: NftTable | None, new: NftTable | None) -> Iterator[Operation]:
    """Steps of the nft table. In between, the firewall knows all interfaces, old and new.

    Where no table stands, or one without a set of known interfaces, a closed one comes first: it
    knows the interfaces and lets nothing pass. Where one goes, it is closed first, removed last.
    """
    if new is None:
        if old is not None:
            closed = _with_elements(old, {_guard_set(old): _known_interfaces(old)})
            yield from _nft_step(
                Phase.CLOSE, old, closed, phrase("closed before anything is removed")
            )
            yield from _nft_step(Phase.UNGUARD, closed, None, phrase("no longer asked for"))
        return
    everywhere = _known_interfaces(old) | _known_interfaces(new)
    guarded = _guarded(old, everywhere) or _with_elements(new, {KNOWN_INTERFACES: everywhere})
    full = _with_elements(new, {**new.elements, KNOWN_INTERFACES: everywhere})
    yield from _nft_step(
        Phase.GUARD, old, guarded, phrase("interfaces are closed until their rules are loaded")
    )
    yield from _nft_step(Phase.RULESET, guarded, full, new.why)
    yield from _nft_step(
        Phase.UNGUARD, full, new, phrase("interfaces that the file no longer names")
    )


def _guarded(table: NftTable | None, everywhere: NftElements) -> NftTable | None:
    """The standing table, which now knows `everywhere`; None where it has no set for that."""
    if table is None or _guard_set(table) not in table.elements:
        return None
    return _with_elements(table, {**table.elements, _guard_set(table): everywhere})


def _guard_set(table: NftTable) -> str:
    return next((name for name in GUARD_SETS if name in table.elements), KNOWN_INTERFACES)


def _nft_step(
    phase: Phase, old: NftTable | None, new: NftTable | None, reason: str
) -> Iterator[Operation]:
    if old == new:
        return
    verb = Action.ADD if old is None else Action.REMOVE if new is None else Action.CHANGE
    yield Operation(phase=phase, action=verb, new=new, old=old, reason=reason)


def _with_elements(table: NftTable, elements: Mapping[str, NftElements]) -> NftTable:
    """`table` with these elements alone; sets that are not mentioned are empty."""
    whole = {name: elements.get(name, frozenset()) for name in {*table.elements, *elements}}
    return NftTable(structure=table.structure, elements=whole, script=table.script, why=table.why)


def _known_interfaces(table: NftTable | None) -> NftElements:
    return frozenset() if table is None else table.elements.get(_guard_set(table), frozenset())
