"""Queueing disciplines of other programs where ours belong: reported, replaced only on request.

They cannot be given back: the kernel does not tell all that is needed to build them again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Final

from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import KernelState, Qdisc
from lbrouter.model.messages.phrase import as_phrase, phrase

TAKE_OVER_OPTION: Final = "--take-over"


class ForeignQdiscPolicy(StrEnum):
    """What is done about roots of other programs."""

    REFUSE = "refuse"
    REPLACE = "replace"
    LEAVE = "leave"
    """What can be shaped is shaped, the rest is not: a daemon that starts must not wait for it."""


def permit_all(facts: Facts) -> Facts:
    """`facts` with the permission to replace whatever stands at a root."""
    names = (
        interface.name
        for interface in facts.interfaces.values()
        if interface.foreign_root_qdisc is not None
    )
    return replace(facts, take_over=frozenset(names))


def held_roots(applied: KernelState) -> frozenset[str]:
    """The interfaces whose root is ours in `applied`: another program's root there is damage."""
    return frozenset(qdisc.interface for qdisc in applied.qdiscs if qdisc.parent == "root")


def is_blocked(facts: Facts, interface: str) -> bool:
    """Whether a root of another program is on `interface` and may not be replaced."""
    interface_facts = facts.interfaces.get(interface)
    blocked = interface_facts is not None and interface_facts.foreign_root_qdisc is not None
    return blocked and interface not in facts.take_over


def as_replacement(root: Qdisc, facts: Facts) -> Qdisc:
    """`root` with the handle of what it replaces, where something stands there."""
    interface = facts.interfaces.get(root.interface)
    if interface is None or interface.foreign_root_qdisc is None:
        return root
    why = phrase(
        "{why}, in place of another program's {qdisc}, which is lost",
        why=as_phrase(root.why),
        qdisc=interface.foreign_root_qdisc,
    )
    return replace(root, replaces=interface.foreign_root_qdisc.handle, why=why)


def conflicts(wanted: Iterable[Qdisc], facts: Facts) -> Iterator[str]:
    """A sentence for each foreign root where `wanted` (with all permissions) has one of ours."""
    for root in sorted(wanted, key=lambda qdisc: qdisc.interface):
        interface = facts.interfaces.get(root.interface)
        if (
            root.parent == "root"
            and interface is not None
            and interface.foreign_root_qdisc is not None
        ):
            yield phrase(
                "Interface {interface} has another program's {qdisc} at its root"
                " (tc qdisc show dev {interface}).",
                interface=root.interface,
                qdisc=interface.foreign_root_qdisc,
            )
