"""The transition table: the next state for each state and condition. Every pair has its entry.

A condition is what holds at a moment ("no carrier"), not an edge, so one that was missed does no
harm: the next event finds it again. Hysteresis is in the states: an uplink that is up needs no
proof, one that was down does.
"""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from types import MappingProxyType
from typing import Final

from lbrouter.model.health import UplinkState

WAITING, UP, DEGRADED, DOWN, DRAINED, CHECKING = UplinkState


class UplinkCondition(StrEnum):
    """The condition of a line, the strongest first: the first that applies counts."""

    NO_INTERFACE = "no interface"
    NO_CARRIER = "no carrier"
    NO_ADDRESS = "no address"
    SILENT = "silence"
    DRAINED = "drained by hand"
    UNJUDGED = "an address, not judged yet"
    UNPROVEN = "answers, not clean for long enough"
    UNPROVEN_UNFIT = "answers, not clean for long enough, out of a tolerance"
    FIT = "clean, within every tolerance"
    UNFIT = "clean, out of a tolerance or suspect"


_FROM_ANY_STATE: Final = {
    UplinkCondition.NO_INTERFACE: WAITING,
    UplinkCondition.NO_CARRIER: DOWN,
    UplinkCondition.NO_ADDRESS: WAITING,
    UplinkCondition.SILENT: DOWN,
    UplinkCondition.DRAINED: DRAINED,
    UplinkCondition.UNJUDGED: CHECKING,
    UplinkCondition.FIT: UP,
    UplinkCondition.UNFIT: DEGRADED,
}
"""The same whatever the state was."""

_WHILE_IN_USE: Final = {UplinkCondition.UNPROVEN: UP, UplinkCondition.UNPROVEN_UNFIT: DEGRADED}
_WHILE_CHECKING: Final = {
    UplinkCondition.UNPROVEN: CHECKING,
    UplinkCondition.UNPROVEN_UNFIT: CHECKING,
}
_WHILE_OUT_OF_USE: Final = {UplinkCondition.UNPROVEN: DOWN, UplinkCondition.UNPROVEN_UNFIT: DOWN}

_TRANSITIONS_BY_STATE: Final[Mapping[UplinkState, Mapping[UplinkCondition, UplinkState]]] = {
    WAITING: {**_FROM_ANY_STATE, **_WHILE_CHECKING},
    UP: {**_FROM_ANY_STATE, **_WHILE_IN_USE},
    DEGRADED: {**_FROM_ANY_STATE, **_WHILE_IN_USE},
    DOWN: {**_FROM_ANY_STATE, **_WHILE_OUT_OF_USE},
    DRAINED: {**_FROM_ANY_STATE, **_WHILE_OUT_OF_USE},
    CHECKING: {**_FROM_ANY_STATE, **_WHILE_CHECKING},
}

TRANSITIONS: Final[Mapping[tuple[UplinkState, UplinkCondition], UplinkState]] = MappingProxyType(
    {
        (state, finding): _TRANSITIONS_BY_STATE[state][finding]
        for state, finding in product(UplinkState, UplinkCondition)
    }
)


def mermaid_diagram() -> str:
    """The table as a Mermaid state diagram; where nothing changes there is no arrow."""
    arrows: dict[tuple[UplinkState, UplinkState], list[str]] = {}
    for (state, finding), after in TRANSITIONS.items():
        if after is not state:
            arrows.setdefault((state, after), []).append(finding.value)
    lines = [f"    {a} --> {b}: {' / '.join(causes)}" for (a, b), causes in arrows.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> waiting", "    [*] --> checking", *lines])


def markdown_matrix() -> str:
    """The table as Markdown: a row for each condition, a column for each state."""
    head = ["| finding | " + " | ".join(UplinkState) + " |", "|---" * (len(UplinkState) + 1) + "|"]
    rows = [
        f"| {finding.value} | "
        + " | ".join(TRANSITIONS[state, finding] for state in UplinkState)
        + " |"
        for finding in UplinkCondition
    ]
    return "\n".join([*head, *rows])
