"""The numbers of the report: the JSON twin of the page, which shows the same. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, TypedDict

from lbrouter.compile.event_report.report_facts import ConfigStep, ReportFacts, TrafficAmount
from lbrouter.compile.event_report.spans import StateSpan, percentile, seconds_in, state_spans
from lbrouter.compile.report.incidents import summarise_incidents
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.timeline import IncidentSummary, TimelineEvent

NOT_KNOWN: Final = "unknown"
CARRIED, STRANDED = "carried", "stranded"
WHOLE, SHORT = "whole", "short"
MISSING_AFTER_S: Final = 30.0
"""Samples come every ten seconds: a longer pause was not measured."""
ORDER_KINDS: Final = frozenset({"wish", "limit", "confirm", "rollback"})


class UplinkReport(TypedDict):
    """One uplink. Seconds by state, to the event; `availability_percent` is up or degraded, of the
    time in which the state is known. Null: not measured.
    """

    up_s: float
    degraded_s: float
    down_s: float
    other_s: float
    unknown_s: float
    availability_percent: float | None
    worst_loss_percent: float | None
    rtt_p50_ms: float | None
    rtt_p95_ms: float | None
    upload_bytes: int
    download_bytes: int
    peak_upload_bps: int
    peak_download_bps: int


class VlanReport(TypedDict):
    """One VLAN; `guarantee_kept_percent` is null where it has none."""

    upload_bytes: int
    download_bytes: int
    peak_upload_bps: int
    peak_download_bps: int
    guarantee_kept_percent: float | None


class PolicyReport(TypedDict):
    """One policy: the share of the time with a line for new flows, and the longest time without."""

    carried_percent: float | None
    longest_gap_s: float
    moves: int
    slowest_move_ms: float | None


class OrderReport(TypedDict):
    """What an operator did."""

    at: str
    by: str
    said: str
    event: TimelineEvent


class ReportDocument(TypedDict):
    """The whole. Times are RFC 3339 in UTC; `unmeasured` are the pauses of the samples."""

    gateway: str
    version: str
    begin: str
    end: str
    config_digest: str
    uplinks: dict[str, UplinkReport]
    policies: dict[str, PolicyReport]
    vlans: dict[str, VlanReport]
    incidents: list[IncidentSummary]
    orders: list[OrderReport]
    changes: list[ConfigStep]
    alerts_undelivered: int
    unmeasured: list[tuple[str, str]]


def report_document(facts: ReportFacts) -> ReportDocument:
    """All numbers of the span."""
    within = [event for event in facts.events if _moment(event) >= facts.begin]
    concerned = {event["incident"] for event in within if event["incident"]}
    told = [event for event in facts.events if event["incident"] in concerned]
    return {
        "gateway": facts.gateway,
        "version": facts.version,
        "begin": rfc3339(facts.begin),
        "end": rfc3339(facts.end),
        "config_digest": facts.digest,
        "uplinks": {name: _uplink_report(facts, name) for name in facts.uplinks},
        "policies": {name: _policy_report(facts, name, within) for name in facts.policies},
        "vlans": {name: _vlan_report(facts, name) for name in facts.vlans},
        "incidents": summarise_incidents(told),
        "orders": list(_orders(within)),
        "changes": list(facts.configs),
        "alerts_undelivered": sum(
            event["kind"] == "alert" and event["subject"] != "test" for event in within
        ),
        "unmeasured": list(_unmeasured(facts)),
    }


def rfc3339(at: datetime) -> str:
    """A moment in UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def uplink_spans(facts: ReportFacts, name: str) -> list[StateSpan]:
    """The states of an uplink within the span."""
    changes = [
        (_moment(event), str(event["more"].get("after", NOT_KNOWN)))
        for event in facts.events
        if (event["kind"], event["subject"]) == ("uplink", name)
    ]
    return state_spans(changes, facts.begin, facts.end, unknown=NOT_KNOWN)


def _uplink_report(facts: ReportFacts, name: str) -> UplinkReport:
    spans = uplink_spans(facts, name)
    whole_s = (facts.end - facts.begin).total_seconds()
    seconds = {state: seconds_in(spans, state) for state in ("up", "degraded", "down", NOT_KNOWN)}
    known_s = whole_s - seconds[NOT_KNOWN]
    rtts = [s.rtt_ms for s in facts.quality if s.uplink == name and s.rtt_ms is not None]
    losses = [s.loss_percent for s in facts.quality if s.uplink == name]
    alive_s = seconds["up"] + seconds["degraded"]
    return {
        "up_s": round(seconds["up"], 1),
        "degraded_s": round(seconds["degraded"], 1),
        "down_s": round(seconds["down"], 1),
        "other_s": round(max(0.0, known_s - alive_s - seconds["down"]), 1),
        "unknown_s": round(seconds[NOT_KNOWN], 1),
        "availability_percent": _percent(alive_s, known_s),
        "worst_loss_percent": max((loss for loss in losses if loss is not None), default=None),
        "rtt_p50_ms": percentile(rtts, 50),
        "rtt_p95_ms": percentile(rtts, 95),
        **_amounts(facts.traffic, "uplink", name),
    }


class _Amounts(TypedDict):
    upload_bytes: int
    download_bytes: int
    peak_upload_bps: int
    peak_download_bps: int


def _amounts(traffic: Iterable[TrafficAmount], kind: str, name: str) -> _Amounts:
    own = [each for each in traffic if (each.kind, each.name) == (kind, name)]
    return {
        "upload_bytes": sum(each.upload_bytes for each in own),
        "download_bytes": sum(each.download_bytes for each in own),
        "peak_upload_bps": max((each.peak_upload_bps for each in own), default=0),
        "peak_download_bps": max((each.peak_download_bps for each in own), default=0),
    }


def _vlan_report(facts: ReportFacts, name: str) -> VlanReport:
    kept = None
    if name in facts.guaranteed:
        whole_s = (facts.end - facts.begin).total_seconds()
        kept = _percent(whole_s - seconds_in(_guarantee_spans(facts, name), SHORT), whole_s)
    return {
        **_amounts(facts.traffic, "vlan", name),
        "guarantee_kept_percent": kept,
    }


def _guarantee_spans(facts: ReportFacts, vlan: str) -> list[StateSpan]:
    """When the guarantee of a VLAN was short, in either direction."""
    short: set[str] = set()
    changes = []
    for event in facts.events:
        message = event["more"].get("message") or {}
        if (event["kind"], event["subject"]) != ("guarantee", vlan) or not message:
            continue
        direction = str(message["values"].get("direction"))
        if message["code"] == EventCode.GUARANTEE_SHORT:
            short.add(direction)
        else:
            short.discard(direction)
        changes.append((_moment(event), SHORT if short else WHOLE))
    return state_spans(changes, facts.begin, facts.end, unknown=WHOLE)


def _policy_report(facts: ReportFacts, name: str, within: Sequence[TimelineEvent]) -> PolicyReport:
    changes = [
        (_moment(event), CARRIED if event["more"].get("to") else STRANDED)
        for event in facts.events
        if (event["kind"], event["subject"]) == ("move", name)
    ]
    # What never moved has the line that it began with.
    spans = state_spans(changes, facts.begin, facts.end, unknown=CARRIED)
    gaps = [(to - since).total_seconds() for since, to, state in spans if state == STRANDED]
    moves = [e for e in within if (e["kind"], e["subject"]) == ("move", name)]
    took = [float(e["more"]["took_ms"]) for e in moves if "took_ms" in e["more"]]
    whole_s = (facts.end - facts.begin).total_seconds()
    return {
        "carried_percent": _percent(whole_s - sum(gaps), whole_s),
        "longest_gap_s": round(max(gaps, default=0.0), 1),
        "moves": len(moves),
        "slowest_move_ms": max(took, default=None),
    }


def _orders(within: Iterable[TimelineEvent]) -> Iterator[OrderReport]:
    for event in within:
        if event["kind"] in ORDER_KINDS:
            by = event["more"].get("by") or {}
            yield {
                "at": event["at"],
                "by": str(by.get("name", "-")),
                "said": event["text"],
                "event": event,
            }


def _unmeasured(facts: ReportFacts) -> Iterator[tuple[str, str]]:
    """Pauses of the samples: no daemon ran, or the disk took nothing."""
    seen = sorted({datetime.fromisoformat(each.at) for each in facts.traffic})
    for before, after in pairwise((facts.begin, *seen, facts.end)):
        if (after - before).total_seconds() > MISSING_AFTER_S:
            yield rfc3339(before), rfc3339(after)


def _percent(part: float, whole: float) -> float | None:
    """To two places, and 100 only where it is whole."""
    if whole <= 0:
        return None
    found = round(100 * part / whole, 2)
    return 99.99 if found == 100 and part < whole else found


def _moment(event: TimelineEvent) -> datetime:
    return datetime.fromisoformat(event["at"])
