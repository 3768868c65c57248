"""Incidents from the timeline: what failed, which policies moved where, which stayed, the end.

`lbrouter.compile.report.incident_text` makes one plain sentence of it, in the reader's language.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from lbrouter.model.health import UplinkState
from lbrouter.model.timeline import IncidentSummary, PolicyMove, TimelineEvent

STATE_SEVERITY: Final[Mapping[str, int]] = {
    UplinkState.UP: 0,
    "checking": 0,
    UplinkState.DRAINED: 0,
    UplinkState.CHECKING: 1,
    UplinkState.DEGRADED: 1,
    UplinkState.WAITING: 2,
    UplinkState.DOWN: 3,
}
"""The higher, the worse; 0 is no problem."""

MAX_INCIDENTS_SHOWN: Final = 3
"""Incidents that are shown at a time."""

OUT_OF_USE_SEVERITY: Final = 2
"""From this severity on an uplink carries nothing."""


def summarise_incidents(events: Iterable[TimelineEvent]) -> list[IncidentSummary]:
    """All incidents of a timeline (oldest event first), in the order in which they began."""
    groups: dict[str, list[TimelineEvent]] = {}
    for event in events:
        if event["incident"]:
            groups.setdefault(event["incident"], []).append(event)
    return [found for group in groups.values() if (found := summarise_incident(group)) is not None]


def current_incidents(incidents: Sequence[IncidentSummary]) -> list[IncidentSummary]:
    """The incidents to show now: those that are not over, newest first; else the last one."""
    going_on = [each for each in reversed(incidents) if each["over"] is None]
    return going_on[:MAX_INCIDENTS_SHOWN] or list(incidents[-1:])


def summarise_incident(events: Sequence[TimelineEvent]) -> IncidentSummary | None:
    """The summary of one incident's events, oldest first; None if no uplink has a problem."""
    steps = [event for event in events if event["kind"] == "uplink"]
    bad_steps = [each for each in steps if _severity(each) > 0]
    if not bad_steps:
        return None
    worst = max(bad_steps, key=_severity)
    moves = [event for event in events if event["kind"] == "move"]
    moved = list(_policy_moves(moves))
    away = {each["policy"] for each in moved}
    return {
        "incident": worst["incident"],
        "uplink": worst["subject"],
        "since": bad_steps[0]["at"],
        "worst": _state(worst),
        "cause": worst["more"].get("reason", worst["text"]),
        "cause_data": worst["more"].get("reason_data"),
        "falls": sum(_outage_starts(steps)),
        "moved": moved,
        "stayed": [name for name in _unmoved_policies(moves) if name not in away],
        "over": None if _severity(steps[-1]) else steps[-1]["at"],
    }


def _policy_moves(moves: Iterable[TimelineEvent]) -> Iterator[PolicyMove]:
    """The last move of each policy, in the order of their first moves."""
    first: dict[str, list[str]] = {}
    last: dict[str, TimelineEvent] = {}
    for move in moves:
        first.setdefault(move["subject"], _string_list(move["more"], "from"))
        last[move["subject"]] = move
    for policy, move in last.items():
        to = _string_list(move["more"], "to")
        yield {"policy": policy, "to": to, "at": move["at"], "back": to == first[policy]}


def _unmoved_policies(moves: Iterable[TimelineEvent]) -> list[str]:
    """Policies that stayed on an uplink which another one left."""
    return list(
        dict.fromkeys(name for move in moves for name in _string_list(move["more"], "stayed"))
    )


def _outage_starts(steps: Iterable[TimelineEvent]) -> Iterator[bool]:
    """For each step whether the uplink went out of use with it."""
    out = False
    for step in steps:
        was, out = out, _severity(step) >= OUT_OF_USE_SEVERITY
        yield out and not was


def _severity(step: TimelineEvent) -> int:
    return STATE_SEVERITY[_state(step)]


def _state(step: TimelineEvent) -> str:
    found = str(step["more"].get("after", ""))
    return found if found in STATE_SEVERITY else UplinkState.UP


def _string_list(more: Mapping[str, object], key: str) -> list[str]:
    found = more.get(key)
    return [str(each) for each in found] if isinstance(found, list) else []
