"""Qdiscs and classes of `SimKernel`: what the kernel refuses, ignores and takes along.

Measured on Linux 6.18: a class asked for another parent keeps its own; one whose parent is absent
is put below the root; the first child of a class takes its queue; with a class goes its queue, with
the root goes all.
"""

from dataclasses import replace

from lbrouter.compile.shaping.htb import MAX_BURST_US, burst_us
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel_state import HtbClass, KernelState, ManagedObject, Qdisc
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.plan import Operation


def with_shaping_operation(state: KernelState, operation: Operation) -> KernelState:
    """`state` after an operation on a qdisc or a class. Raises NotAppliedError where it is refused.

    What is absent already is removed without a word, as everywhere.
    """
    noun, gone = operation.managed_object, operation.new is None
    if isinstance(noun, HtbClass):
        return _without_class(state, noun) if gone else _with_class(state, noun)
    assert isinstance(noun, Qdisc)
    if noun.parent == "root":
        taken = _without_tree(state, noun.interface)
        return taken if gone else _with_root(state, noun, operation.old)
    return _without_leaf(state, noun) if gone else _with_leaf(state, noun)


def _with_root(state: KernelState, root: Qdisc, old: ManagedObject | None) -> KernelState:
    """An HTB cannot be changed: another one is made from nothing. One that stands is kept."""
    if isinstance(old, Qdisc) and (old.handle, old.options) != (root.handle, root.options):
        state = _without_tree(state, root.interface)
    return state if _has_root(state, root.interface) else _put_qdisc(state, root)


def _with_leaf(state: KernelState, leaf: Qdisc) -> KernelState:
    place = (leaf.interface, leaf.parent)
    if not any((htb_class.interface, htb_class.classid) == place for htb_class in state.classes):
        raise NotAppliedError(
            phrase(
                "Queue of {interface} {parent}: Specified class not found.",
                interface=leaf.interface,
                parent=leaf.parent,
            )
        )
    if any((htb_class.interface, htb_class.parent) == place for htb_class in state.classes):
        raise NotAppliedError(
            phrase(
                "Queue of {interface} {parent}: Invalid argument.",
                interface=leaf.interface,
                parent=leaf.parent,
            )
        )
    return _put_qdisc(_without_leaf(state, leaf), leaf)


def _with_class(state: KernelState, new: HtbClass) -> KernelState:
    if not _has_root(state, new.interface):
        raise NotAppliedError(
            phrase(
                "Class {classid} of {interface}: no such file or directory.",
                classid=new.classid,
                interface=new.interface,
            )
        )
    for rate, burst in ((new.rate, new.burst), (new.ceil, new.cburst)):
        if burst_us(rate, burst) > MAX_BURST_US:
            raise NotAppliedError(
                phrase(
                    "Class {classid} of {interface}: its burst is too long.",
                    classid=new.classid,
                    interface=new.interface,
                )
            )
    others = frozenset(htb_class for htb_class in state.classes if htb_class.key != new.key)
    held = next((htb_class for htb_class in state.classes if htb_class.key == new.key), None)
    if held is not None:
        return replace(state, classes=others | {replace(new, parent=held.parent)})
    place = (new.interface, new.parent)
    if not any((htb_class.interface, htb_class.classid) == place for htb_class in others):
        return replace(state, classes=others | {replace(new, parent=(new.classid[0], 0))})
    taken = frozenset(qdisc for qdisc in state.qdiscs if (qdisc.interface, qdisc.parent) != place)
    return replace(state, classes=others | {new}, qdiscs=taken)


def _without_class(state: KernelState, old: HtbClass) -> KernelState:
    place = (old.interface, old.classid)
    if any((htb_class.interface, htb_class.parent) == place for htb_class in state.classes):
        raise NotAppliedError(
            phrase(
                "Class {classid} of {interface}: HTB class in use.",
                classid=old.classid,
                interface=old.interface,
            )
        )
    return replace(
        state,
        classes=frozenset(htb_class for htb_class in state.classes if htb_class.key != old.key),
        qdiscs=frozenset(
            qdisc for qdisc in state.qdiscs if (qdisc.interface, qdisc.parent) != place
        ),
    )


def _without_tree(state: KernelState, interface: str) -> KernelState:
    return replace(
        state,
        classes=frozenset(
            htb_class for htb_class in state.classes if htb_class.interface != interface
        ),
        qdiscs=frozenset(qdisc for qdisc in state.qdiscs if qdisc.interface != interface),
    )


def _without_leaf(state: KernelState, leaf: Qdisc) -> KernelState:
    return replace(
        state, qdiscs=frozenset(qdisc for qdisc in state.qdiscs if qdisc.key != leaf.key)
    )


def _put_qdisc(state: KernelState, qdisc: Qdisc) -> KernelState:
    return replace(state, qdiscs=state.qdiscs | {qdisc})


def _has_root(state: KernelState, interface: str) -> bool:
    return any((qdisc.interface, qdisc.parent) == (interface, "root") for qdisc in state.qdiscs)
