"""An incident in one sentence of plain language, for readers who are not technicians."""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Final

from lbrouter.compile.report.clock import local_time, zone_name
from lbrouter.compile.report.i18n import filled_text_pattern, translate, translate_reason
from lbrouter.model.language import Language
from lbrouter.model.timeline import IncidentSummary, PolicyMove

CAUSE_SENTENCES: Final = (
    ("loss {value} > {limit} ({policy})", "{uplink} lost {value} of its packets from {since} on"),
    ("latency {value} > {limit} ({policy})", "{uplink} was slow ({value}) from {since} on"),
    ("jitter {value} > {limit} ({policy})", "{uplink} had jitter ({value}) from {since} on"),
    ("no carrier on {interface}", "the cable of {uplink} ({interface}) lost its signal at {since}"),
    ("captive portal instead of {page}", "{uplink} showed a captive portal from {since} on"),
    ("captive portal on {count} for {span}", "{uplink} showed a captive portal from {since} on"),
    ("no answer on {count} for {span}", "{uplink} stopped answering at {since}"),
    ("no answer for {span}", "{uplink} stopped answering at {since}"),
    ("was silent", "{uplink} stopped answering at {since}"),
    ("no address yet ({how}) on {interface}", "{uplink} had no address from {since} on"),
    ("interface {interface} is not there", "the interface of {uplink} disappeared at {since}"),
)
"""Pattern of the daemon's reason, and the plain sentence for it. The first match counts."""

OTHER_CAUSE_SENTENCE: Final = "{uplink} had a problem from {since} on: {reason}"


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
        yield _move_clause(move, language, zone)
    if incident["stayed"]:
        yield translate(language, "{policies} stayed", policies=", ".join(incident["stayed"]))
    if not incident["moved"]:
        yield translate(language, "no policy had to switch")
    if incident["over"] is not None:
        over = local_time(incident["over"], zone)
        yield translate(language, "{uplink} works again since {since}", uplink=uplink, since=over)


def _cause_clause(incident: IncidentSummary, language: Language, since: str) -> str:
    known = {"uplink": incident["uplink"], "since": since}
    first = incident["cause"].split("; ")[0]
    for begun, said in CAUSE_SENTENCES:
        match = filled_text_pattern(begun).fullmatch(first)
        if match is not None:
            return translate(language, said, **match.groupdict(), **known)
    return translate(
        language, OTHER_CAUSE_SENTENCE, **known, reason=translate_reason(language, first)
    )


def _merge_simultaneous_moves(moved: list[PolicyMove], zone: tzinfo | None) -> Iterator[PolicyMove]:
    """Moves of the same second to the same uplink as one, their policies in one list."""
    groups: dict[tuple[str, str, bool], list[PolicyMove]] = {}
    for move in moved:
        key = (local_time(move["at"], zone), " + ".join(move["to"]), move["back"])
        groups.setdefault(key, []).append(move)
    for group in groups.values():
        yield {**group[0], "policy": ", ".join(each["policy"] for each in group)}


def _move_clause(move: PolicyMove, language: Language, zone: tzinfo | None) -> str:
    known = {"policy": move["policy"], "at": local_time(move["at"], zone)}
    to = " + ".join(move["to"])
    if not to:
        return translate(language, "{policy} had no uplink from {at} on", **known)
    if move["back"]:
        return translate(language, "{policy} moved back to {to} at {at}", **known, to=to)
    return translate(language, "{policy} moved to {to} at {at}", **known, to=to)
