"""`diff`: two kernel states in, the operations that lead from one to the other out, in safe order.

Set arithmetic over keys, and nothing else: what has a key only in `desired` is added, only in
`observed` removed, in both but unequal changed. The phases of `model.plan` give the order.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace

from lbrouter.compile.shaping.build import order_classes
from lbrouter.compile.state.sysctls import FORWARDING_SYSCTLS
from lbrouter.model.kernel_state import (
    Address,
    Device,
    HtbClass,
    KernelState,
    LinkAdminState,
    ManagedObject,
    NftElements,
    NftTable,
    Qdisc,
    Redirect,
    Route,
    Rule,
    Sysctl,
)
from lbrouter.model.plan import Action, Operation, Phase, Plan
from lbrouter.model.wireguard_tunnel import WireguardTunnel

CREATE_PHASES: Mapping[type, Phase] = {
    Device: Phase.DEVICE,
    WireguardTunnel: Phase.TUNNEL,
    Sysctl: Phase.SYSCTL,
    LinkAdminState: Phase.LINK,
    Address: Phase.ADDRESS,
    Route: Phase.ROUTE,
    Rule: Phase.RULE,
    Qdisc: Phase.QDISC,
    HtbClass: Phase.CLASS,
    Redirect: Phase.REDIRECT,
}

REMOVE_PHASES: Mapping[type, Phase] = {
    Device: Phase.UNDEVICE,
    WireguardTunnel: Phase.UNADDRESS,
    Address: Phase.UNADDRESS,
    Route: Phase.UNROUTE,
    Rule: Phase.UNRULE,
    Qdisc: Phase.UNQDISC,
    HtbClass: Phase.UNCLASS,
    Redirect: Phase.UNREDIRECT,
}

MIN_HTB_RATE_BPS = 8_000
"""Bits a second: what HTB takes at the least."""

UNREMOVABLE_NOUNS = (Sysctl, LinkAdminState)
"""Objects that are set and never removed: if they are not in `desired`, they are not ours."""


def diff(observed: KernelState, desired: KernelState) -> Plan:
    """The plan from `observed` to `desired`; empty when they agree."""
    found = {noun.key: noun for noun in observed.objects() if not isinstance(noun, NftTable)}
    wanted = {noun.key: noun for noun in desired.objects() if not isinstance(noun, NftTable)}
    steps = [
        *_additions_and_changes(found, wanted),
        *_removals(found, wanted),
        *_link_downs(observed, wanted),
        *_rate_releases(observed, wanted),
        *_nft_steps(observed.nft, desired.nft),
    ]
    return Plan(operations=tuple(_ordered(steps)))


def _additions_and_changes(
    found: Mapping[Hashable, ManagedObject], wanted: Mapping[Hashable, ManagedObject]
) -> Iterator[Operation]:
    for key, new in wanted.items():
        old = found.get(key)
        if old != new:
            verb = Action.ADD if old is None else Action.CHANGE
            yield Operation(phase=_phase_of(new), action=verb, new=new, old=old, reason=new.why)


def _removals(
    found: Mapping[Hashable, ManagedObject], wanted: Mapping[Hashable, ManagedObject]
) -> Iterator[Operation]:
    for key, old in found.items():
        if key not in wanted and not isinstance(old, UNREMOVABLE_NOUNS):
            phase = Phase.UNLEAF if _is_leaf(old) else REMOVE_PHASES[type(old)]
            reason = "no longer asked for"
            yield Operation(phase=phase, action=Action.REMOVE, new=None, old=old, reason=reason)


def _link_downs(
    observed: KernelState, wanted: Mapping[Hashable, ManagedObject]
) -> Iterator[Operation]:
    """Devices are set down before they are removed, so that an undo brings them back up."""
    going = {device.name for device in observed.devices if device.key not in wanted}
    for link in observed.links:
        if link.interface in going and link.up:
            low = LinkAdminState(interface=link.interface, up=False)
            yield Operation(
                phase=Phase.UNLINK,
                action=Action.CHANGE,
                new=low,
                old=link,
                reason="its device is removed next",
            )


def _rate_releases(
    observed: KernelState, wanted: Mapping[Hashable, ManagedObject]
) -> Iterator[Operation]:
    """Classes to be removed lower their rate first: else the others would exceed their parent."""
    kept = {key for key, noun in wanted.items() if isinstance(noun, Qdisc)}
    going = [old for old in observed.classes if old.key not in wanted]
    for old in going:
        children = [c for c in going if (c.interface, c.parent) == (old.interface, old.classid)]
        least = MIN_HTB_RATE_BPS * max(1, len(children))
        if ("qdisc", old.interface, "root") in kept and old.rate > least:
            low = replace(old, rate=least)
            yield Operation(
                phase=Phase.CLASS,
                action=Action.CHANGE,
                new=low,
                old=old,
                reason="it goes; its rate is for others",
            )


def _phase_of(new: ManagedObject) -> Phase:
    """When to make `new`: forwarding is enabled last and disabled first, links go down last."""
    if isinstance(new, Sysctl) and new.path in FORWARDING_SYSCTLS.values():
        return Phase.FORWARD if new.value == "1" else Phase.CLOSE
    if isinstance(new, LinkAdminState) and not new.up:
        return Phase.UNLINK
    return Phase.LEAF if _is_leaf(new) else CREATE_PHASES[type(new)]


def _is_leaf(noun: ManagedObject) -> bool:
    """Whether a qdisc has a class as its parent, which must then exist first."""
    return isinstance(noun, Qdisc) and not isinstance(noun.parent, str)


def _nft_steps(old: NftTable | None, new: NftTable | None) -> Iterator[Operation]:
    """Steps of the nft table. In between, the firewall knows all interfaces, old and new.

    Where no table stands, a closed one comes first: it knows the interfaces and lets nothing pass.
    Where one goes, it is closed first and removed last.
    """
    if new is None:
        if old is not None:
            closed = _with_elements(old, {"known_interfaces": _known_interfaces(old)})
            yield from _nft_step(Phase.CLOSE, old, closed, "closed before anything is taken away")
            yield from _nft_step(Phase.UNGUARD, closed, None, "no longer asked for")
        return
    all_interfaces = _known_interfaces(old) | _known_interfaces(new)
    base = old if old is not None else _with_elements(new, {})
    elements = base.elements if old is not None else {}
    guarded = _with_elements(base, {**elements, "known_interfaces": all_interfaces})
    full = _with_elements(new, {**new.elements, "known_interfaces": all_interfaces})
    yield from _nft_step(Phase.GUARD, old, guarded, "interfaces are closed until their rules stand")
    yield from _nft_step(Phase.RULESET, guarded, full, new.why)
    yield from _nft_step(Phase.UNGUARD, full, new, "interfaces that the file no longer names")


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
    return table.elements.get("known_interfaces", frozenset()) if table is not None else frozenset()


def _ordered(steps: Iterable[Operation]) -> Iterator[Operation]:
    """By phase, and within a phase by what depends on what."""
    by_phase: dict[Phase, list[Operation]] = {phase: [] for phase in Phase}
    for step in steps:
        by_phase[step.phase].append(step)
    for phase, group in by_phase.items():
        yield from _sorted_phase(phase, group)


def _sorted_phase(phase: Phase, group: list[Operation]) -> list[Operation]:
    if phase in {Phase.CLASS, Phase.UNCLASS}:
        return order_classes(group)
    return sorted(group, key=_sort_key)


def _sort_key(step: Operation) -> tuple[int, str]:
    """Connected routes before those by a gateway; the rest by words, so that plans read alike."""
    noun = step.managed_object
    by_gateway = isinstance(noun, Route) and noun.gateway is not None
    return int(by_gateway), str(noun.key)
