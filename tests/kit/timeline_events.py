"""Events of an incident, as the history holds them."""

from typing import Any

from lbrouter.model.timeline import TimelineEvent


def event(
    kind: str, subject: str, second: int, *, incident: str = "7", **more: Any
) -> TimelineEvent:
    return {
        "at": f"2026-11-24T13:14:{second:02}.250Z",
        "kind": kind,
        "subject": subject,
        "text": f"{subject}: something",
        "incident": incident,
        "more": {key.rstrip("_"): value for key, value in more.items()},
    }


def uplink_event(
    name: str, second: int, after: str, reason: str = "", **more: Any
) -> TimelineEvent:
    return event("uplink", name, second, after=after, reason=reason, **more)


def move_event(policy: str, second: int, old: str, new: str, *, stayed: str = "") -> TimelineEvent:
    return event(
        "move", policy, second, from_=old.split(), to=new.split(), stayed=stayed.split()
    )  # fmt: skip


LOSSY_INCIDENT = [
    uplink_event("fiber", 3, "degraded", "loss 12 % > 2 % (show)"),
    move_event("show", 4, "fiber", "lte", stayed="guests"),
]
