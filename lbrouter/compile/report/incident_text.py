"""An incident in one sentence of plain language, for readers who are not technicians."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import tzinfo
from enum import StrEnum
from typing import Final

from lbrouter.compile.report.clock import local_time, zone_name
from lbrouter.compile.report.i18n import catalogue, message_or_none, message_text, translate
from lbrouter.model.events import ProbeFailure
from lbrouter.model.language import Language
from lbrouter.model.messages.codes import ReasonCode
from lbrouter.model.messages.message import Message
from lbrouter.model.messages.rendering import value_texts
from lbrouter.model.timeline import IncidentSummary, PolicyMove

CAUSE_SENTENCES: Final[Mapping[StrEnum, str]] = {
    ReasonCode.LOSS: "{uplink} lost {value} of its packets from {since} on",
    ReasonCode.LATENCY: "{uplink} was slow ({value}) from {since} on",
    ReasonCode.JITTER: "{uplink} had jitter ({value}) from {since} on",
    ReasonCode.NO_CARRIER: "the cable of {uplink} ({interface}) lost its signal at {since}",
    ReasonCode.CAPTIVE_PORTAL: "{uplink} showed a captive portal from {since} on",
    ReasonCode.NO_ANSWER: "{uplink} stopped answering at {since}",
    ReasonCode.SUSPECT: "{uplink} stopped answering at {since}",
    ReasonCode.NO_ADDRESS: "{uplink} had no address from {since} on",
    ReasonCode.NO_INTERFACE: "the interface of {uplink} disappeared at {since}",
}
"""The plain sentence for a reason, where `_plain_code` finds it."""

OTHER_CAUSE_SENTENCE: Final = "{uplink} had a problem from {since} on: {reason}"

VALUES_OF_PLAIN: Final[Mapping[StrEnum, frozenset[str]]] = {
    ReasonCode.LOSS: frozenset({"limit_percent"}),
    ReasonCode.LATENCY: frozenset({"limit_ms"}),
    ReasonCode.JITTER: frozenset({"limit_ms"}),
    ReasonCode.SUSPECT: frozenset({"silent_s", "avoided_s"}),
    ReasonCode.NO_ADDRESS: frozenset({"how"}),
}
"""Reasons that have a plain sentence only with one of these values."""

PLAIN_FAILURES: Final[Mapping[str, ReasonCode]] = {
    ProbeFailure.NO_ANSWER: ReasonCode.NO_ANSWER,
    ProbeFailure.CAPTIVE_PORTAL: ReasonCode.CAPTIVE_PORTAL,
}
"""Of a line that does not answer: the failures that a plain sentence tells."""


def incident_sentence(
    incident: IncidentSummary,
    language: Language,
    zone: tzinfo | None = None,
    *,
    name_zone: bool = False,
) -> str:
    """The incident in one sentence; times are local times in `zone`, None the machine's.

    `name_zone` writes the zone's name behind the first of them.
    """
    zone_word = zone_name(incident["since"], zone) if name_zone else ""
    return "; ".join(_clauses(incident, language, zone, zone_word))


def _clauses(
    incident: IncidentSummary, language: Language, zone: tzinfo | None, zone_word: str
) -> Iterator[str]:
    uplink = incident["uplink"]
    since = f"{local_time(incident['since'], zone)} {zone_word}".rstrip()
    yield _cause_clause(incident, language, since)
    if incident["falls"] > 1:
        yield translate(language, "it failed {count} times", count=incident["falls"])
    for move in _merge_simultaneous_moves(incident["moved"], zone):
        known = {"policy": move["policy"], "at": local_time(move["at"], zone)}
        to = " + ".join(move["to"])
        if not to:
            move_clause = translate(language, "{policy} had no uplink from {at} on", **known)
        elif move["back"]:
            move_clause = translate(language, "{policy} moved back to {to} at {at}", **known, to=to)
        else:
            move_clause = translate(language, "{policy} moved to {to} at {at}", **known, to=to)
        yield move_clause
    if incident["stayed"]:
        yield translate(language, "{policies} stayed", policies=", ".join(incident["stayed"]))
    if not incident["moved"]:
        yield translate(language, "no policy had to switch")
    if incident["over"] is not None:
        over = local_time(incident["over"], zone)
        yield translate(language, "{uplink} works again since {since}", uplink=uplink, since=over)


def _cause_clause(incident: IncidentSummary, language: Language, since: str) -> str:
    known = {"uplink": incident["uplink"], "since": since}
    cause = message_or_none(incident.get("cause_data"))
    if cause is None:
        return translate(language, OTHER_CAUSE_SENTENCE, **known, reason=incident["cause"])
    code = _plain_code(cause)
    if code is None:
        reason = message_text(language, replace(cause, also=()))
        return translate(language, OTHER_CAUSE_SENTENCE, **known, reason=reason)
    texts = value_texts(cause, catalogue(language))
    now = next((text for name, text in texts.items() if name.startswith("now_")), "")
    said = CAUSE_SENTENCES[code]
    return translate(language, said, **known, value=now, interface=texts.get("interface", ""))


def _plain_code(cause: Message) -> ReasonCode | None:
    """The code whose plain sentence says all; None where the reason itself says more."""
    names, code = frozenset(cause.values), cause.code
    if not isinstance(code, ReasonCode):
        return None
    if code is ReasonCode.NO_ANSWER and "failure" in names:
        return PLAIN_FAILURES.get(str(cause.values["failure"]))
    if code in VALUES_OF_PLAIN and not names & VALUES_OF_PLAIN[code]:
        return None
    return code if code in CAUSE_SENTENCES else None


def _merge_simultaneous_moves(moved: list[PolicyMove], zone: tzinfo | None) -> Iterator[PolicyMove]:
    """Moves of the same second to the same uplink as one, their policies in one list."""
    groups: dict[tuple[str, str, bool], list[PolicyMove]] = {}
    for move in moved:
        key = (local_time(move["at"], zone), " + ".join(move["to"]), move["back"])
        groups.setdefault(key, []).append(move)
    for group in groups.values():
        yield {**group[0], "policy": ", ".join(each["policy"] for each in group)}
