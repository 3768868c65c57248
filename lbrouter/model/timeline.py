"""Events and incidents as documents: the same in history, socket, alerts and screens."""

from typing import Any, NotRequired, TypedDict


class TimelineEvent(TypedDict):
    """One line of the timeline.

    `at` is RFC 3339 in UTC, `subject` an uplink's or policy's name, `incident` the number (in
    digits) that all events of one incident share, "" outside of any. `more` is for programs.
    """

    at: str
    kind: str
    subject: str
    text: str
    incident: str
    more: dict[str, Any]


class PolicyMove(TypedDict):
    """A policy whose new flows use other uplinks: `to` (empty: none) from `at` on."""

    policy: str
    to: list[str]
    at: str
    back: bool
    """Whether these are the uplinks from before the incident."""


class IncidentSummary(TypedDict):
    """The summary of an incident: the problem of one uplink, and its effect on the policies.

    `worst` is the worst state that the uplink was in, `cause` the daemon's reason for it; `falls`
    counts how often it went out of use; `over` is when it recovered, None before that.
    """

    incident: str
    uplink: str
    since: str
    worst: str
    cause: str
    cause_data: NotRequired[Any]
    """The same as a message; null for an event of an earlier release."""
    falls: int
    moved: list[PolicyMove]
    stayed: list[str]
    over: str | None
