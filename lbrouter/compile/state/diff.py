"""`diff`: two kernel states in, the operations that lead from one to the other out, in safe order.

Set arithmetic over keys, and nothing else: what has a key only in `desired` is added, only in
`observed` removed, in both but unequal changed. The phases of `model.plan` give the order.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping

from lbrouter.compile.shaping.build import order_classes
from lbrouter.compile.state.early_removals import early_removals
from lbrouter.compile.state.nft_steps import nft_steps
from lbrouter.compile.state.sysctls import FORWARDING_SYSCTLS
from lbrouter.model.kernel_state import (
    Address,
    Device,
    HtbClass,
    KernelState,
    LinkAdminState,
    ManagedObject,
    NftTable,
    Qdisc,
    Redirect,
    Route,
    Rule,
    Sysctl,
)
from lbrouter.model.objects.link_setting import LinkSetting
from lbrouter.model.plan import Action, Operation, Phase, Plan
from lbrouter.model.wireguard_tunnel import WireguardTunnel

CREATE_PHASES: Mapping[type, Phase] = {
    Device: Phase.DEVICE,
    WireguardTunnel: Phase.TUNNEL,
    Sysctl: Phase.SYSCTL,
    LinkSetting: Phase.SYSCTL,
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

UNREMOVABLE_NOUNS = (Sysctl, LinkAdminState, LinkSetting)
"""Objects that are set and never removed: if they are not in `desired`, they are not ours."""


def diff(observed: KernelState, desired: KernelState) -> Plan:
    """The plan from `observed` to `desired`; empty when they agree."""
    standing = {noun.key: noun for noun in observed.objects() if not isinstance(noun, NftTable)}
    wanted = {noun.key: noun for noun in desired.objects() if not isinstance(noun, NftTable)}
    early = list(early_removals(standing, wanted))
    for removal in early:
        del standing[removal.managed_object.key]
    steps = [
        *early,
        *_additions_and_changes(standing, wanted),
        *_removals(standing, wanted),
        *_link_downs(observed, wanted),
        *nft_steps(observed.nft, desired.nft),
    ]
    return Plan(operations=tuple(_ordered(steps)))


def _additions_and_changes(
    standing: Mapping[Hashable, ManagedObject], wanted: Mapping[Hashable, ManagedObject]
) -> Iterator[Operation]:
    for key, new in wanted.items():
        old = standing.get(key)
        if old != new:
            verb = Action.ADD if old is None else Action.CHANGE
            yield Operation(phase=_phase_of(new), action=verb, new=new, old=old, reason=new.why)


def _removals(
    standing: Mapping[Hashable, ManagedObject], wanted: Mapping[Hashable, ManagedObject]
) -> Iterator[Operation]:
    for key, old in standing.items():
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


def _ordered(steps: Iterable[Operation]) -> Iterator[Operation]:
    """By phase, and within a phase by what depends on what."""
    by_phase: dict[Phase, list[Operation]] = {phase: [] for phase in Phase}
    for step in steps:
        by_phase[step.phase].append(step)
    for phase, group in by_phase.items():
        if phase in {Phase.CLASS, Phase.UNCLASS}:
            yield from order_classes(group)
        elif phase is Phase.RECLASS:
            yield from group
        else:
            yield from sorted(group, key=_sort_key)


def _sort_key(step: Operation) -> tuple[int, str]:
    """Connected routes before those by a gateway; the rest by words, so that plans read alike."""
    noun = step.managed_object
    by_gateway = isinstance(noun, Route) and noun.gateway is not None
    return int(by_gateway), str(noun.key)
