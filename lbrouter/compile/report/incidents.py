"""From the timeline to a story: what failed, who moved where, who stayed, how it ended.

`lbrouter.compile.report.incident_text` makes one plain sentence of it, in the reader's language.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from lbrouter.model.health import UplinkState
from lbrouter.model.timeline import Happening, Moved, Story

BADNESS: Final = {
    UplinkState.UP: 0,
    UplinkState.DRAINED: 0,
    UplinkState.DEGRADED: 1,
    UplinkState.WAITING: 2,
    UplinkState.DOWN: 3,
}
"""The higher, the worse; 0 is no trouble at all."""

SHOWN: Final = 3
"""Incidents at a time: more troubles than that nobody reads."""

OUT_OF_USE: Final = 2
"""From this badness on an uplink carries nothing."""


def stories(events: Iterable[Happening]) -> list[Story]:
    """All incidents of a timeline (oldest event first), in the order in which they began."""
    groups: dict[str, list[Happening]] = {}
    for event in events:
        if event["incident"]:
            groups.setdefault(event["incident"], []).append(event)
    return [found for group in groups.values() if (found := story(group)) is not None]


def current(told: Sequence[Story]) -> list[Story]:
    """What concerns somebody now: incidents that are not over, newest first; else the last one."""
    going_on = [each for each in reversed(told) if each["over"] is None]
    return going_on[:SHOWN] or list(told[-1:])


def story(events: Sequence[Happening]) -> Story | None:
    """The story of one incident's events, oldest first; None where no uplink is in trouble."""
    steps = [event for event in events if event["kind"] == "uplink"]
    troubles = [each for each in steps if _badness(each) > 0]
    if not troubles:
        return None
    worst = max(troubles, key=_badness)
    moves = [event for event in events if event["kind"] == "move"]
    moved = list(_moved(moves))
    away = {each["policy"] for each in moved}
    return {
        "incident": worst["incident"],
        "uplink": worst["subject"],
        "since": troubles[0]["at"],
        "worst": _state(worst),
        "cause": worst["more"].get("reason", worst["text"]),
        "falls": sum(_falls(steps)),
        "moved": moved,
        "stayed": [name for name in _stayed(moves) if name not in away],
        "over": None if _badness(steps[-1]) else steps[-1]["at"],
    }


def _moved(moves: Iterable[Happening]) -> Iterator[Moved]:
    """Where each policy went last, in the order in which they first moved."""
    first: dict[str, list[str]] = {}
    last: dict[str, Happening] = {}
    for move in moves:
        first.setdefault(move["subject"], _list(move["more"], "from"))
        last[move["subject"]] = move
    for policy, move in last.items():
        to = _list(move["more"], "to")
        yield {"policy": policy, "to": to, "at": move["at"], "back": to == first[policy]}


def _stayed(moves: Iterable[Happening]) -> list[str]:
    """Policies that stayed on an uplink which another one left."""
    return list(dict.fromkeys(name for move in moves for name in _list(move["more"], "stayed")))


def _falls(steps: Iterable[Happening]) -> Iterator[bool]:
    """For each step whether the uplink went out of use with it."""
    out = False
    for step in steps:
        was, out = out, _badness(step) >= OUT_OF_USE
        yield out and not was


def _badness(step: Happening) -> int:
    return BADNESS[UplinkState(_state(step))]


def _state(step: Happening) -> str:
    found = str(step["more"].get("after", ""))
    return found if found in set(UplinkState) else UplinkState.UP


def _list(more: Mapping[str, object], key: str) -> list[str]:
    found = more.get(key)
    return [str(each) for each in found] if isinstance(found, list) else []
