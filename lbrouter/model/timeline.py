"""What happened, as documents: the same in the history, on the socket, in an alert, on a screen."""

from typing import Any, TypedDict


class TimelineEvent(TypedDict):
    """One line of the timeline.

    `at` is RFC 3339 in UTC, `subject` an uplink's or policy's name, `incident` the number (in
    digits) that all events of one trouble share, "" outside of any. `more` is what programs want.
    """

    at: str
    kind: str
    subject: str
    text: str
    incident: str
    more: dict[str, Any]


class PolicyMove(TypedDict):
    """A policy whose new flows go another way: by `to` (nothing: by no uplink) from `at` on."""

    policy: str
    to: list[str]
    at: str
    back: bool
    """Whether this is the way that it had before the incident."""


class IncidentSummary(TypedDict):
    """An incident in a nutshell: one uplink's trouble, and what it meant for the policies.

    `worst` is the worst state that the uplink was in, `cause` the daemon's reason for it; `falls`
    counts how often it left use; `over` is when it was well again, None while it is not.
    """

    incident: str
    uplink: str
    since: str
    worst: str
    cause: str
    falls: int
    moved: list[PolicyMove]
    stayed: list[str]
    over: str | None
