"""The report of an event: its numbers, and the page that shows the same."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.event_report.report_charts import MAX_POINTS, line_chart, thinned
from lbrouter.compile.event_report.report_document import report_document, rfc3339
from lbrouter.compile.event_report.report_facts import (
    QualitySample,
    ReportFacts,
    TrafficAmount,
)
from lbrouter.compile.event_report.report_page import report_page
from lbrouter.compile.event_report.spans import percentile, seconds_in, state_spans
from lbrouter.model.language import Language
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message
from lbrouter.model.timeline import TimelineEvent

BEGIN = datetime(2026, 11, 30, 18, 0, tzinfo=UTC)
END = BEGIN + timedelta(minutes=10)


def at(seconds: float) -> str:
    return (BEGIN + timedelta(seconds=seconds)).isoformat()


def event(
    seconds: float, kind: str, subject: str, *, incident: str = "", text: str = "", **more: Any
) -> TimelineEvent:
    return {
        "at": at(seconds),
        "kind": kind,
        "subject": subject,
        "text": text,
        "incident": incident,
        "more": more,
    }


def guarantee(seconds: float, code: EventCode, direction: str) -> TimelineEvent:
    values: dict[str, Any] = {"vlan": "stream", "direction": direction}
    if code is EventCode.GUARANTEE_SHORT:
        values |= {"guaranteed_bps": 10, "granted_bps": 5, "short_bps": 5}
    return event(seconds, "guarantee", "stream", message=message(code, **values).as_json())


EVENTS = [
    event(-100, "uplink", "fiber", after="up"),
    event(-100, "move", "show", to=["fiber"], took_ms=3.0),
    event(60, "uplink", "fiber", after="down", incident="7", reason="no answer"),
    event(60.5, "move", "show", to=["lte"], took_ms=12.5, incident="7", **{"from": ["fiber"]}),
    event(120, "move", "show", to=[], incident="7", **{"from": ["lte"]}),
    event(150, "move", "show", to=["lte"], took_ms=5.0, **{"from": []}),
    event(360, "uplink", "fiber", after="up", incident="7"),
    guarantee(100, EventCode.GUARANTEE_SHORT, "upload"),
    guarantee(110, EventCode.GUARANTEE_SHORT, "download"),
    guarantee(120, EventCode.GUARANTEE_WHOLE, "upload"),
    guarantee(160, EventCode.GUARANTEE_WHOLE, "download"),
    event(200, "wish", "fiber", text="<b>drained</b>", by={"name": "si<ti", "address": None}),
    event(210, "alert", "webhook"),
    event(211, "alert", "test"),
    event(220, "limit", "guests", text="limited"),
]


def amount(seconds: int, kind: str, name: str, count: int) -> TrafficAmount:
    return TrafficAmount(
        at=at(seconds), kind=kind, name=name, seconds=10.0, upload_bytes=count,
        download_bytes=2 * count, peak_upload_bps=count * 8, peak_download_bps=count,
    )  # fmt: skip


FACTS = ReportFacts(
    gateway="<script>alert(1)</script>",
    version="1",
    begin=BEGIN,
    end=END,
    uplinks=["fiber", "lte"],
    policies=["show", "spread"],
    vlans=["stream", "guests"],
    guaranteed=["stream"],
    events=EVENTS,
    quality=[
        QualitySample(at=at(n), uplink="fiber", rtt_ms=float(n), loss_percent=n / 10)
        for n in range(1, 101)
    ]
    + [QualitySample(at=at(5), uplink="fiber", rtt_ms=None, loss_percent=None)],
    traffic=[
        each
        for seconds in range(10, 500, 10)
        for each in (
            amount(seconds, "uplink", "fiber", 1000),
            amount(seconds, "vlan", "stream", 2_000_000),
        )
    ],
    configs=[
        {"at": at(5), "by": "siti", "source": "a&b.toml", "digest": "sha256:ab",
         "outcome": "applied", "reason": ""}
    ],
    digest="sha256:ab",
)  # fmt: skip
DOCUMENT = report_document(FACTS)


def test_an_uplink_by_state_to_the_second() -> None:
    fiber = DOCUMENT["uplinks"]["fiber"]
    assert (fiber["up_s"], fiber["down_s"], fiber["unknown_s"]) == (300.0, 300.0, 0.0)
    assert fiber["availability_percent"] == 50.0
    assert (fiber["rtt_p50_ms"], fiber["rtt_p95_ms"]) == (50.0, 95.0)
    assert fiber["worst_loss_percent"] == 10.0
    assert (fiber["upload_bytes"], fiber["download_bytes"]) == (49_000, 98_000)
    assert fiber["peak_upload_bps"] == 8000
    lte = DOCUMENT["uplinks"]["lte"]
    assert (lte["unknown_s"], lte["availability_percent"], lte["rtt_p50_ms"]) == (600.0, None, None)


def test_a_policy_without_a_line_and_how_fast_it_moved() -> None:
    show = DOCUMENT["policies"]["show"]
    assert (show["carried_percent"], show["longest_gap_s"]) == (95.0, 30.0)
    assert (show["moves"], show["slowest_move_ms"]) == (3, 12.5)
    assert DOCUMENT["policies"]["spread"]["carried_percent"] == 100


def test_a_guarantee_is_kept_while_neither_direction_is_short() -> None:
    stream, guests = DOCUMENT["vlans"]["stream"], DOCUMENT["vlans"]["guests"]
    assert (stream["guarantee_kept_percent"], guests["guarantee_kept_percent"]) == (90.0, None)
    odd = event(1, "guarantee", "stream")
    assert report_document(_with(events=[odd]))["vlans"]["stream"]["guarantee_kept_percent"] == 100


def test_incidents_orders_and_what_was_not_measured() -> None:
    [incident] = DOCUMENT["incidents"]
    assert (incident["incident"], incident["uplink"]) == ("7", "fiber")
    assert [(each["by"], each["said"]) for each in DOCUMENT["orders"]] == [
        ("si<ti", "<b>drained</b>"),
        ("-", "limited"),
    ]
    assert DOCUMENT["alerts_undelivered"] == 1
    assert DOCUMENT["unmeasured"] == [(rfc3339(BEGIN + timedelta(seconds=490)), rfc3339(END))]


def test_a_hundred_percent_is_said_only_where_it_is_whole() -> None:
    short = [event(0, "move", "show", to=[]), event(0.01, "move", "show", to=["lte"])]
    found = report_document(_with(events=short))["policies"]["show"]
    assert found["carried_percent"] == 99.99


def _with(**changes: Any) -> ReportFacts:
    return replace(FACTS, **changes)


class Tags(HTMLParser):
    """The tags and the visible text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


@pytest.mark.parametrize("language", Language)
def test_the_page_has_no_script_and_the_numbers_of_the_twin(language: Language) -> None:
    page = report_page(FACTS, DOCUMENT, language, UTC)
    seen = Tags(page)
    assert "script" not in seen.tags
    assert "b" not in seen.tags
    assert "<script>" not in page
    assert len(page) < 500_000
    for figure in ("50 %", "95 %", "90 %", "49.0 kB", "98.0 MB", "12.5 ms", "si<ti", "a&b.toml"):
        assert figure in seen.text, figure
    assert not re.search(r"https?://", page)
    word = "Lines" if language is Language.EN else "Jalur"
    assert word in seen.text
    assert json.loads(json.dumps(DOCUMENT))["uplinks"]["fiber"]["down_s"] == 300.0


def test_amounts_and_times_as_people_read_them() -> None:
    big = [amount(10, "vlan", "guests", 3_000_000_000), amount(10, "vlan", "stream", 12)]
    quiet = _with(traffic=big, events=[event(0, "uplink", "lte", after="drained")])
    document = report_document(quiet)
    assert document["uplinks"]["lte"]["other_s"] == 600.0
    text = Tags(report_page(quiet, document, Language.EN, UTC)).text
    assert "3.0 GB" in text
    assert "12 B" in text
    assert "0 s" in text
    empty = report_document(_with(end=BEGIN, events=[], traffic=[]))
    assert empty["policies"]["show"]["carried_percent"] is None


POINTS = st.lists(st.floats(0, 1e9), max_size=2000)


@given(POINTS)
def test_a_chart_is_small_and_loses_no_peak(values: list[float]) -> None:
    points = [(BEGIN + timedelta(seconds=n), value) for n, value in enumerate(values)]
    found = thinned(points)
    assert len(found) <= MAX_POINTS
    assert max((v for _, v in found), default=0.0) == max(values, default=0.0)
    assert len(line_chart([points], BEGIN, END, "x")) < 10_000


CHANGES = st.lists(st.tuples(st.floats(-100, 700), st.sampled_from(["up", "down"])), max_size=20)


@given(CHANGES)
def test_the_states_of_a_span_fill_it_without_a_gap(changes: list[tuple[float, str]]) -> None:
    moments = sorted((BEGIN + timedelta(seconds=n), state) for n, state in changes)
    spans = state_spans(moments, BEGIN, END, unknown="unknown")
    assert sum((to - since).total_seconds() for since, to, _ in spans) == pytest.approx(600)
    assert all(one[1] == other[0] for one, other in pairwise(spans))
    assert sum(seconds_in(spans, s) for s in ("up", "down", "unknown")) == pytest.approx(600)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 100))
def test_a_percentile_is_one_of_the_values(values: list[float], percent: float) -> None:
    assert percentile(values, percent) in values
    assert percentile([], percent) is None
