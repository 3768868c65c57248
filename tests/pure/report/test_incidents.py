"""From events to an incident summary, and to one sentence in the reader's language."""

from datetime import UTC, timedelta, timezone

import pytest

from lbrouter.compile.report.incident_text import incident_sentence, local_time
from lbrouter.compile.report.incidents import (
    MAX_INCIDENTS_SHOWN,
    current_incidents,
    summarise_incident,
    summarise_incidents,
)
from lbrouter.model.language import Language
from lbrouter.model.timeline import IncidentSummary, TimelineEvent
from tests.kit.timeline_events import LOSSY_INCIDENT, event, move_event, uplink_event

JAKARTA = timezone(timedelta(hours=7))


def incident_text(events: list[TimelineEvent], language: Language = Language.EN) -> str:
    found = summarise_incident(events)
    assert found is not None
    return incident_sentence(found, language, JAKARTA)


def test_the_sentence_of_a_line_that_loses_packets() -> None:
    assert incident_text(LOSSY_INCIDENT) == (
        "fiber lost 12 % of its packets from 20:14:03 on; show moved to lte at 20:14:04;"
        " guests stayed"
    )
    assert incident_text(LOSSY_INCIDENT, Language.ID) == (
        "fiber kehilangan 12 % paket sejak 20:14:03; show pindah ke lte pukul 20:14:04;"
        " guests tetap"
    )


def test_the_end_of_an_incident_is_reported() -> None:
    over = [
        *LOSSY_INCIDENT,
        uplink_event("fiber", 20, "up", "4 of 4 targets answer"),
        move_event("show", 21, "lte", "fiber"),
    ]
    assert incident_text(over) == (
        "fiber lost 12 % of its packets from 20:14:03 on; show moved back to fiber at 20:14:21;"
        " guests stayed; fiber works again since 20:14:20"
    )


def test_the_worst_state_gives_the_cause_and_the_first_the_moment() -> None:
    events = [
        uplink_event("fiber", 1, "degraded", "no answer for 0.3 s; new flows avoid it"),
        move_event("show", 1, "fiber", ""),
        uplink_event("fiber", 2, "down", "no carrier on enp1s0"),
        uplink_event("fiber", 3, "degraded", "loss 3 % > 2 % (show)"),
        uplink_event("fiber", 4, "down", "no answer on 4 targets for 0.9 s"),
    ]
    assert incident_text(events) == (
        "the cable of fiber (enp1s0) lost its signal at 20:14:01; it failed 2 times;"
        " show had no uplink from 20:14:01 on"
    )


def test_policies_that_move_together_are_named_together() -> None:
    events = [
        uplink_event("fiber", 1, "down", "no answer on 1 target for 0.9 s"),
        move_event("show", 1, "fiber lte", "lte dsl"),
        move_event("crew", 1, "fiber", "lte dsl"),
        move_event("desk", 1, "fiber", "dsl"),
    ]
    assert incident_text(events) == (
        "fiber stopped answering at 20:14:01; show, crew moved to lte + dsl at 20:14:01;"
        " desk moved to dsl at 20:14:01"
    )


@pytest.mark.parametrize(
    "reason, begins",
    [
        ("latency 310 ms > 150 ms (show)", "fiber was slow (310 ms) from 20:14:05 on"),
        (
            "jitter 55 ms > 40 ms (show); loss 3 % > 2 % (show)",
            "fiber had jitter (55 ms) from 20:14:05 on",
        ),
        ("captive portal instead of http://a/", "fiber showed a captive portal from 20:14:05 on"),
        ("captive portal on 2 targets for 1.0 s", "fiber showed a captive portal from 20:14:05 on"),
        ("no address yet (dhcp) on wan1", "fiber had no address from 20:14:05 on"),
        (
            "loss 1 %, was over 2 % (show)",
            "fiber had a problem from 20:14:05 on: loss 1 %, was over 2 % (show)",
        ),
        ("drained by hand", "fiber had a problem from 20:14:05 on: drained by hand"),
        ("interface wan1 is not there", "the interface of fiber disappeared at 20:14:05"),
        ("eaten by a dog", "fiber had a problem from 20:14:05 on: eaten by a dog"),
    ],
)
def test_causes_in_plain_words(reason: str, begins: str) -> None:
    said = incident_text([uplink_event("fiber", 5, "degraded", reason)])
    assert said.startswith(begins)
    assert said.endswith("; no policy had to switch")


def test_an_unknown_cause_is_translated_as_far_as_it_goes() -> None:
    said = incident_text(
        [uplink_event("fiber", 5, "down", "unreachable on 4 targets for 0.9 s")], Language.ID
    )
    assert said.startswith(
        "fiber bermasalah sejak 20:14:05: tidak terjangkau dari 4 target selama 0.9 s"
    )


def test_incidents_are_separated_and_what_is_none_is_left_out() -> None:
    other = [
        event("uplink", "lte", 9, incident="8", after="down", reason="no carrier on wan2"),
        event("apply", "", 9, incident=""),
        event("uplink", "dsl", 9, incident="", after="drained"),
        event("move", "x", 9, incident="9", to=["lte"], **{"from": ["dsl"]}),
        event("uplink", "dsl", 9, incident="9", after="nonsense"),
    ]
    assert [each["incident"] for each in summarise_incidents([*LOSSY_INCIDENT, *other])] == [
        "7",
        "8",
    ]
    assert summarise_incident(other[1:]) is None


def sample_incident(number: int, *, over: bool) -> IncidentSummary:
    found = summarise_incident([{**LOSSY_INCIDENT[0], "incident": str(number)}])
    assert found is not None
    return {**found, "over": "2026-11-24T13:15:00Z" if over else None}


def test_what_goes_on_comes_first_and_the_last_one_stays_in_sight() -> None:
    assert current_incidents([]) == []
    done = [sample_incident(1, over=True), sample_incident(2, over=True)]
    assert [each["incident"] for each in current_incidents(done)] == ["2"]
    many = [sample_incident(number, over=False) for number in range(3, 9)]
    found = current_incidents([*done, *many])
    assert [each["incident"] for each in found] == ["8", "7", "6"]
    assert len(found) == MAX_INCIDENTS_SHOWN


def test_unknown_events_are_no_reason_to_fail() -> None:
    odd = event("move", "show", 9, to="lte", stayed=None)
    found = summarise_incident([event("uplink", "fiber", 1, after="down"), odd])
    assert found is not None
    assert found["cause"] == "fiber: something"
    assert found["moved"] == [
        {"policy": "show", "to": [], "at": odd["at"], "back": True},
    ]


def test_a_clock_shows_what_it_can() -> None:
    assert local_time("2026-11-24T13:14:03.250Z", UTC) == "13:14:03"
    assert local_time("soon", UTC) == "soon"


def test_an_event_of_an_earlier_release_gives_its_words_as_they_are() -> None:
    old = uplink_event("fiber", 5, "down", "no carrier on wan1")
    del old["more"]["reason_data"]
    assert incident_text([old]).startswith(
        "fiber had a problem from 20:14:05 on: no carrier on wan1"
    )
