"""A plan: the operations that lead from one `KernelState` to another, in a safe order."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from lbrouter.model.kernel_state import ManagedObject
from lbrouter.model.messages.phrase import as_phrase, phrase


class Phase(IntEnum):
    """The order in which operations run: make before break, closed before open.

    After every prefix of a plan no mark is handed out that lacks a rule, no rule points at an empty
    table, and no packet is forwarded that has not passed the ruleset.
    """

    GUARD = 0
    """The firewall gets new interfaces (and drops their packets) before they come up."""
    CLOSE = 1
    """Forwarding is switched off and marks are withheld before anything is taken away (`down`)."""
    DEVICE = 2
    SYSCTL = 3
    LINK = 4
    ADDRESS = 5
    ROUTE = 6
    RULE = 7
    QDISC = 8
    RECLASS = 9
    """Classes go that the kernel cannot change in place, and those that leave room to others."""
    CLASS = 10
    LEAF = 11
    REDIRECT = 12
    RULESET = 13
    """Structure and elements of the nft table, in one transaction: marks are handed out now."""
    TUNNEL = 14
    """A WireGuard device gets its keys and its peer, when its packets are copied: it sends its
    first handshake now, and the next one only after five seconds."""
    FORWARD = 15
    """Forwarding is switched on, when all rules for it are loaded."""
    UNREDIRECT = 16
    UNLEAF = 17
    UNCLASS = 18
    UNQDISC = 19
    UNRULE = 20
    UNROUTE = 21
    UNADDRESS = 22
    UNLINK = 23
    UNDEVICE = 24
    UNGUARD = 25
    """The firewall forgets interfaces that are gone; on `down`, the table itself goes, last."""
    SERVICE = 26
    """Services for the clients: started after the transaction of the kernel, no part of it."""


class Action(StrEnum):
    """What an operation does to its object."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One step: `new` is what the kernel shall hold, `old` what it holds (None: nothing)."""

    phase: Phase
    action: Action
    new: ManagedObject | None
    old: ManagedObject | None
    reason: str

    @property
    def managed_object(self) -> ManagedObject:
        """The object that the step is about, the new one where there is one."""
        noun = self.new if self.new is not None else self.old
        assert noun is not None
        return noun

    def inverse(self) -> "Operation":
        """The step that undoes this one."""
        verbs = {Action.ADD: Action.REMOVE, Action.REMOVE: Action.ADD, Action.CHANGE: Action.CHANGE}
        return Operation(
            phase=self.phase,
            action=verbs[self.action],
            new=self.old,
            old=self.new,
            reason=phrase("undo: {reason}", reason=as_phrase(self.reason)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Operations in the order in which they run; empty when there is nothing to change."""

    operations: tuple[Operation, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.operations)
