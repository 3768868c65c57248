"""The transition table: what each state becomes under each finding. Every pair has its entry.

A finding is what stands at a moment ("no carrier"), not an edge, so one that was missed does no
harm: the next event finds the same again. Hysteresis is in the states: an uplink that is up needs
no proof, one that was down does.
"""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from types import MappingProxyType
from typing import Final

from lbrouter.model.health import UplinkState

WAITING, UP, DEGRADED, DOWN, DRAINED = UplinkState


class Finding(StrEnum):
    """What is found of an uplink, the strongest first: the first that applies is the one."""

    HELD = "drained by hand"
    UNPLUGGED = "no carrier"
    UNADDRESSED = "no address"
    SILENT = "silence"
    SHAKY = "answers, not clean for long enough"
    SHAKY_UNFIT = "answers, not clean for long enough, out of a tolerance"
    FIT = "clean, within every tolerance"
    UNFIT = "clean, out of a tolerance or suspect"


_BREAKS: Final = {
    Finding.HELD: DRAINED,
    Finding.UNPLUGGED: DOWN,
    Finding.UNADDRESSED: WAITING,
    Finding.SILENT: DOWN,
    Finding.FIT: UP,
    Finding.UNFIT: DEGRADED,
}
"""The same whatever the state was."""

_IN_USE: Final = {Finding.SHAKY: UP, Finding.SHAKY_UNFIT: DEGRADED}
_OUT_OF_USE: Final = {Finding.SHAKY: DOWN, Finding.SHAKY_UNFIT: DOWN}

_ROWS: Final[Mapping[UplinkState, Mapping[Finding, UplinkState]]] = {
    WAITING: {**_BREAKS, **_OUT_OF_USE},
    UP: {**_BREAKS, **_IN_USE},
    DEGRADED: {**_BREAKS, **_IN_USE},
    DOWN: {**_BREAKS, **_OUT_OF_USE},
    DRAINED: {**_BREAKS, **_OUT_OF_USE},
}

TABLE: Final[Mapping[tuple[UplinkState, Finding], UplinkState]] = MappingProxyType(
    {(state, finding): _ROWS[state][finding] for state, finding in product(UplinkState, Finding)}
)


def diagram() -> str:
    """The table as a Mermaid state diagram; where nothing changes there is no arrow."""
    arrows: dict[tuple[UplinkState, UplinkState], list[str]] = {}
    for (state, finding), after in TABLE.items():
        if after is not state:
            arrows.setdefault((state, after), []).append(finding.value)
    lines = [f"    {a} --> {b}: {' / '.join(causes)}" for (a, b), causes in arrows.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> waiting", "    [*] --> up", *lines])


def matrix() -> str:
    """The table as Markdown: a row for each finding, a column for each state."""
    head = ["| finding | " + " | ".join(UplinkState) + " |", "|---" * (len(UplinkState) + 1) + "|"]
    rows = [
        f"| {finding.value} | " + " | ".join(TABLE[state, finding] for state in UplinkState) + " |"
        for finding in Finding
    ]
    return "\n".join([*head, *rows])
