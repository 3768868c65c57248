"""The order in which class changes are safe: children's rates never exceed their parent's."""

from collections.abc import Iterable
from enum import IntEnum

from lbrouter.model.kernel_state import HtbClass
from lbrouter.model.plan import Operation


class ChangeOrder(IntEnum):
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
    return sorted(changes, key=_sort_key)


def _sort_key(operation: Operation) -> tuple[int, int, str, tuple[int, int]]:
    noun = operation.managed_object
    assert isinstance(noun, HtbClass)
    is_child = noun.parent[1] != 0
    if _rate_of(operation.new) < _rate_of(operation.old):
        order = ChangeOrder.SHRINK_CHILD if is_child else ChangeOrder.SHRINK_PARENT
    else:
        order = ChangeOrder.GROW_CHILD if is_child else ChangeOrder.GROW_PARENT
    return (operation.phase, order, noun.interface, noun.classid)


def _rate_of(noun: object) -> int:
    return noun.rate if isinstance(noun, HtbClass) else 0
