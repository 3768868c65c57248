"""Colours by meaning, one table for every screen: status, watch, doctor, rehearsal."""

from collections.abc import Mapping
from typing import Final

GOOD_STYLE: Final = "green"
FAIR_STYLE: Final = "yellow"
BAD_STYLE: Final = "bold red"
ASIDE_STYLE: Final = "dim"

STATE_STYLES: Final[Mapping[str, str]] = {
    "up": GOOD_STYLE,
    "degraded": FAIR_STYLE,
    "drained": "cyan",
    "checking": "blue",
    "waiting": "magenta",
    "down": BAD_STYLE,
}
"""By the state of an uplink, the best first."""

STATES_FROM_WORST: Final = ("down", "waiting", "degraded", "checking", "drained", "up")


def state_style(state: str) -> str:
    """The colour of a state; none for one that this version does not know."""
    return STATE_STYLES.get(state, "")


def worst_state(states: frozenset[str]) -> str:
    """The state that matters most among several; "up" where none is worse."""
    return next((state for state in STATES_FROM_WORST if state in states), "up")
