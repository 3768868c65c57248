"""Classes that must go before any class is changed: the kernel cannot change them in place.

An HTB class keeps the parent that it was made with: asked for another, the kernel says yes and does
nothing. So it is removed and made again, its queue with it. And where the parent stays, a class
that is no longer asked for leaves first: what it was granted is for its sisters.
"""

from collections.abc import Hashable, Iterator, Mapping

from lbrouter.model.kernel_state import HtbClass, ManagedObject, Qdisc
from lbrouter.model.plan import Action, Operation, Phase

ManagedObjects = Mapping[Hashable, ManagedObject]

ClassPlace = tuple[str, tuple[int, int]]
"""Interface and number of a class."""


def early_removals(standing: ManagedObjects, wanted: ManagedObjects) -> Iterator[Operation]:
    """The removals of those classes and of their queues: queues first, children before parents."""
    places = _early_classes(standing, wanted)
    early = [old for old in standing.values() if _place_of(old) in places]
    for old in sorted(early, key=lambda noun: (-_depth(noun, standing), str(noun.key))):
        reason = "another parent" if old.key in wanted else "no longer asked for"
        yield Operation(phase=Phase.RECLASS, action=Action.REMOVE, new=None, old=old, reason=reason)


def _depth(noun: ManagedObject, standing: ManagedObjects) -> int:
    """How many classes are above a class; a queue is below all of them."""
    if not isinstance(noun, HtbClass):
        return len(standing)
    parent = standing.get(("class", noun.interface, noun.parent))
    return 0 if parent is None else 1 + _depth(parent, standing)


def _early_classes(standing: ManagedObjects, wanted: ManagedObjects) -> frozenset[ClassPlace]:
    """Those whose parent is another or stays without them, and what is below them."""
    classes = [noun for noun in standing.values() if isinstance(noun, HtbClass)]
    early = {
        (htb_class.interface, htb_class.classid)
        for htb_class in classes
        if _must_go_first(htb_class, standing, wanted)
    }
    while below := {
        (htb_class.interface, htb_class.classid)
        for htb_class in classes
        if (htb_class.interface, htb_class.parent) in early
        and (htb_class.interface, htb_class.classid) not in early
    }:
        early |= below
    return frozenset(early)


def _must_go_first(old: HtbClass, standing: ManagedObjects, wanted: ManagedObjects) -> bool:
    new = wanted.get(old.key)
    if isinstance(new, HtbClass):
        return new.parent != old.parent
    parent = ("class", old.interface, old.parent)
    return parent in standing and parent in wanted


def _place_of(noun: ManagedObject) -> ClassPlace | None:
    """The class that `noun` is, or whose queue it is."""
    match noun:
        case HtbClass():
            return (noun.interface, noun.classid)
        case Qdisc(parent=(major, minor)):
            return (noun.interface, (major, minor))
        case _:
            return None
