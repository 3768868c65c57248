"""The order in which class changes are safe: children's rates never exceed their parent's."""

from collections.abc import Iterable
from enum import IntEnum

from lbrouter.model.kernel_state import HtbClass
from lbrouter.model.plan import Operation


class Turn(IntEnum):
    """When a change runs. A class that appears grows from nothing, one that goes shrinks to it."""

    SHRINK_CHILD = 0
    SHRINK_PARENT = 1
    GROW_PARENT = 2
    GROW_CHILD = 3


def order_classes(changes: Iterable[Operation]) -> list[Operation]:
    """The operations on HTB classes in a safe order, within the phases they have.

    HTB does not hold a parent's ceiling against children within their own rate (measured):
    shrink leaves before parents, grow parents before leaves. Our trees are two deep.
    """
    return sorted(changes, key=_place)


def _place(operation: Operation) -> tuple[int, int, str, tuple[int, int]]:
    noun = operation.noun
    assert isinstance(noun, HtbClass)
    return (operation.phase, _turn(operation, noun), noun.interface, noun.classid)


def _turn(operation: Operation, noun: HtbClass) -> Turn:
    is_child = noun.parent[1] != 0
    if _rate(operation.new) < _rate(operation.old):
        return Turn.SHRINK_CHILD if is_child else Turn.SHRINK_PARENT
    return Turn.GROW_CHILD if is_child else Turn.GROW_PARENT


def _rate(noun: object) -> int:
    return noun.rate if isinstance(noun, HtbClass) else 0
