"""`diff`: two kernel states in, the operations that lead from one to the other out, in safe order.

Set arithmetic over keys, and nothing else: what has a key only in `desired` is added, only in
`observed` removed, in both but unequal changed. The phases of `model.plan` give the order.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace

from lbrouter.compile.shaping.build import order_classes
from lbrouter.compile.state.sysctls import FORWARDING
from lbrouter.model.kernel_state import (
    Address,
    Device,
    Elements,
    HtbClass,
    KernelState,
    LinkFlag,
    NftTable,
    Noun,
    Qdisc,
    Redirect,
    Route,
    Rule,
    Sysctl,
)
from lbrouter.model.plan import Operation, Phase, Plan, Verb

MAKE: Mapping[type, Phase] = {
    Device: Phase.DEVICE,
    Sysctl: Phase.SYSCTL,
    LinkFlag: Phase.LINK,
    Address: Phase.ADDRESS,
    Route: Phase.ROUTE,
    Rule: Phase.RULE,
    Qdisc: Phase.QDISC,
    HtbClass: Phase.CLASS,
    Redirect: Phase.REDIRECT,
}

BREAK: Mapping[type, Phase] = {
    Device: Phase.UNDEVICE,
    Address: Phase.UNADDRESS,
    Route: Phase.UNROUTE,
    Rule: Phase.UNRULE,
    Qdisc: Phase.UNQDISC,
    HtbClass: Phase.UNCLASS,
    Redirect: Phase.UNREDIRECT,
}

LEAST_RATE = 8_000
"""Bits a second: what HTB takes at the least."""

SETTINGS = (Sysctl, LinkFlag)
"""Nouns that are set and never removed: absent from `desired`, they are simply not ours."""


def diff(observed: KernelState, desired: KernelState) -> Plan:
    """The plan from `observed` to `desired`; empty when they agree."""
    found = {noun.key: noun for noun in observed.nouns() if not isinstance(noun, NftTable)}
    wanted = {noun.key: noun for noun in desired.nouns() if not isinstance(noun, NftTable)}
    steps = [
        *_made(found, wanted),
        *_broken(found, wanted),
        *_lowered(observed, wanted),
        *_shrunk(observed, wanted),
        *_table(observed.nft, desired.nft),
    ]
    return Plan(operations=tuple(_ordered(steps)))


def _made(found: Mapping[Hashable, Noun], wanted: Mapping[Hashable, Noun]) -> Iterator[Operation]:
    for key, new in wanted.items():
        old = found.get(key)
        if old != new:
            verb = Verb.ADD if old is None else Verb.CHANGE
            yield Operation(phase=_phase(new), verb=verb, new=new, old=old, reason=new.why)


def _broken(found: Mapping[Hashable, Noun], wanted: Mapping[Hashable, Noun]) -> Iterator[Operation]:
    for key, old in found.items():
        if key not in wanted and not isinstance(old, SETTINGS):
            phase = Phase.UNLEAF if _is_leaf(old) else BREAK[type(old)]
            reason = "no longer asked for"
            yield Operation(phase=phase, verb=Verb.REMOVE, new=None, old=old, reason=reason)


def _lowered(observed: KernelState, wanted: Mapping[Hashable, Noun]) -> Iterator[Operation]:
    """Devices go down before they go: undone, they come back as they were, which was up."""
    going = {device.name for device in observed.devices if device.key not in wanted}
    for link in observed.links:
        if link.interface in going and link.up:
            low = LinkFlag(interface=link.interface, up=False)
            yield Operation(
                phase=Phase.UNLINK,
                verb=Verb.CHANGE,
                new=low,
                old=link,
                reason="its device is removed next",
            )


def _shrunk(observed: KernelState, wanted: Mapping[Hashable, Noun]) -> Iterator[Operation]:
    """Classes that go give their rate back first: else the others would grow past their parent."""
    kept = {key for key, noun in wanted.items() if isinstance(noun, Qdisc)}
    going = [old for old in observed.classes if old.key not in wanted]
    for old in going:
        children = [c for c in going if (c.interface, c.parent) == (old.interface, old.classid)]
        least = LEAST_RATE * max(1, len(children))
        if ("qdisc", old.interface, "root") in kept and old.rate > least:
            low = replace(old, rate=least)
            yield Operation(
                phase=Phase.CLASS,
                verb=Verb.CHANGE,
                new=low,
                old=old,
                reason="it goes; its rate is for others",
            )


def _phase(new: Noun) -> Phase:
    """When to make `new`: forwarding is opened last and closed first, links go down last."""
    if isinstance(new, Sysctl) and new.path in FORWARDING.values():
        return Phase.FORWARD if new.value == "1" else Phase.CLOSE
    if isinstance(new, LinkFlag) and not new.up:
        return Phase.UNLINK
    return Phase.LEAF if _is_leaf(new) else MAKE[type(new)]


def _is_leaf(noun: Noun) -> bool:
    """Whether a qdisc hangs below a class, which must then exist first."""
    return isinstance(noun, Qdisc) and not isinstance(noun.parent, str)


def _table(old: NftTable | None, new: NftTable | None) -> Iterator[Operation]:
    """Steps of the nft table. In between, the firewall knows all interfaces, old and new.

    Where no table stands, a closed one comes first: it knows the interfaces and lets nothing pass.
    Where one goes, it is closed first and removed last.
    """
    if new is None:
        if old is not None:
            closed = _with_elements(old, {"named": _names(old)})
            yield from _step(Phase.CLOSE, old, closed, "closed before anything is taken away")
            yield from _step(Phase.UNGUARD, closed, None, "no longer asked for")
        return
    everybody = _names(old) | _names(new)
    base = old if old is not None else _with_elements(new, {})
    elements = base.elements if old is not None else {}
    guarded = _with_elements(base, {**elements, "named": everybody})
    full = _with_elements(new, {**new.elements, "named": everybody})
    yield from _step(Phase.GUARD, old, guarded, "interfaces are closed until their rules stand")
    yield from _step(Phase.RULESET, guarded, full, new.why)
    yield from _step(Phase.UNGUARD, full, new, "interfaces that the file no longer names")


def _step(
    phase: Phase, old: NftTable | None, new: NftTable | None, reason: str
) -> Iterator[Operation]:
    if old == new:
        return
    verb = Verb.ADD if old is None else Verb.REMOVE if new is None else Verb.CHANGE
    yield Operation(phase=phase, verb=verb, new=new, old=old, reason=reason)


def _with_elements(table: NftTable, elements: Mapping[str, Elements]) -> NftTable:
    """`table` with these elements alone; sets that are not mentioned are empty."""
    whole = {name: elements.get(name, frozenset()) for name in {*table.elements, *elements}}
    return NftTable(structure=table.structure, elements=whole, script=table.script, why=table.why)


def _names(table: NftTable | None) -> Elements:
    return table.elements.get("named", frozenset()) if table is not None else frozenset()


def _ordered(steps: Iterable[Operation]) -> Iterator[Operation]:
    """By phase, and within a phase by what depends on what."""
    by_phase: dict[Phase, list[Operation]] = {phase: [] for phase in Phase}
    for step in steps:
        by_phase[step.phase].append(step)
    for phase, group in by_phase.items():
        yield from _within(phase, group)


def _within(phase: Phase, group: list[Operation]) -> list[Operation]:
    if phase in {Phase.CLASS, Phase.UNCLASS}:
        return order_classes(group)
    return sorted(group, key=_dependence)


def _dependence(step: Operation) -> tuple[int, str]:
    """Connected routes before those by a gateway; the rest by words, so that plans read alike."""
    noun = step.noun
    by_gateway = isinstance(noun, Route) and noun.gateway is not None
    return int(by_gateway), str(noun.key)
