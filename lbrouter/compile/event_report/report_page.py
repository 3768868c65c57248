"""The report as one HTML file: no script, nothing from elsewhere, prints to A4. Pure.

Each name and each text of another program is escaped.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import partial
from html import escape
from typing import Final

from lbrouter.compile.event_report.report_charts import line_chart, state_bar
from lbrouter.compile.event_report.report_document import ReportDocument, uplink_spans
from lbrouter.compile.event_report.report_facts import ReportFacts
from lbrouter.compile.report.clock import local_date_time, zone_name
from lbrouter.compile.report.i18n import event_text, translate
from lbrouter.compile.report.incident_text import incident_sentence
from lbrouter.model.language import Language
from lbrouter.model.messages.figures import format_rate

STYLE: Final = """
:root{color-scheme:light}body{font:15px/1.45 system-ui,sans-serif;color:#111;max-width:52rem;
margin:2rem auto;padding:0 1rem}h1{margin:0}h2{margin:2rem 0 .4rem;break-after:avoid}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #ddd;vertical-align:top}
svg{width:100%;height:auto;background:#f6f7f9}.big{font-size:1.35rem}.note{color:#555}
.sheet{overflow-x:auto}section{break-inside:avoid}
@page{size:A4;margin:16mm}@media print{body{margin:0;max-width:none}.first{break-after:page}}
"""


def report_page(
    facts: ReportFacts, document: ReportDocument, language: Language, zone: tzinfo | None
) -> str:
    """The whole page. Times are in `zone`, None the machine's."""
    page = _Page(facts, document, language, zone)
    figures = page.uplinks() + page.policies() + page.vlans()
    body = page.first_page() + figures + page.timeline() + page.footer()
    title = escape(f"{document['gateway']}: {page.say('report')}")
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )


class _Page:
    """The parts of the page, with what all of them need."""

    def __init__(
        self,
        facts: ReportFacts,
        document: ReportDocument,
        language: Language,
        zone: tzinfo | None,
    ) -> None:
        self._facts, self._document = facts, document
        self._language, self._zone = language, zone
        self.say = partial(translate, language)

    def first_page(self) -> str:
        """For the director: from when to when, did it work, what happened."""
        found, say = self._document, self.say
        begin, end = (self._time(found[key]) for key in ("begin", "end"))
        zone = zone_name(found["begin"], self._zone)
        policies = [
            say(
                "{policy} had a line {percent} of the time; the longest gap was {gap}",
                policy=name,
                percent=_percent_text(policy["carried_percent"]),
                gap=f"{policy['longest_gap_s']:g} s",
            )
            for name, policy in found["policies"].items()
        ]
        incidents = [
            incident_sentence(incident, self._language, self._zone)
            for incident in found["incidents"]
        ]
        count = say("incidents: {count}", count=len(incidents))
        return (
            f'<section class="first"><h1>{escape(found["gateway"])}</h1>'
            f'<p class="note">{escape(f"{begin} - {end} {zone}")}</p>'
            f'<div class="big">{_paragraphs(policies)}</div>'
            f"<h2>{escape(count)}</h2>{_list(incidents)}{self._unmeasured()}</section>"
        )

    def uplinks(self) -> str:
        """Each line: states, availability, quality, traffic."""
        say, facts = self.say, self._facts
        head = (
            *(say("uplink"), say("available"), say("degraded"), say("down"), say("worst loss")),
            *("RTT p50", "RTT p95", say("sent"), say("received"), say("peak")),
        )
        rows = [
            (
                name,
                _percent_text(line["availability_percent"]),
                _time_text(line["degraded_s"]),
                _time_text(line["down_s"]),
                "-" if line["worst_loss_percent"] is None else f"{line['worst_loss_percent']:g} %",
                _milliseconds(line["rtt_p50_ms"]),
                _milliseconds(line["rtt_p95_ms"]),
                _bytes_text(line["upload_bytes"]),
                _bytes_text(line["download_bytes"]),
                format_rate(max(line["peak_upload_bps"], line["peak_download_bps"])),
            )
            for name, line in self._document["uplinks"].items()
        ]
        note = say("available: up or degraded, of the time in which its state is known")
        bars = "".join(
            f"<p>{escape(name)}</p>"
            + state_bar(uplink_spans(facts, name), facts.begin, facts.end, name)
            + self._traffic_chart("uplink", name)
            for name in self._document["uplinks"]
        )
        return _section(say("Lines"), f"{_table(head, rows)}{_note(note)}{bars}")

    def policies(self) -> str:
        """How often new flows moved, and how long that took."""
        say = self.say
        head = (say("policy"), say("with a line"), say("longest gap"), say("moves"))
        rows = [
            (
                name,
                _percent_text(policy["carried_percent"]),
                _time_text(policy["longest_gap_s"]),
                f"{policy['moves']} ({_milliseconds(policy['slowest_move_ms'])})",
            )
            for name, policy in self._document["policies"].items()
        ]
        note = say("moves: how often new flows went another way, and the slowest of them")
        return _section(say("Policies"), _table(head, rows) + _note(note))

    def vlans(self) -> str:
        """What each VLAN carried, and whether its guarantee held."""
        say = self.say
        head = (say("VLAN"), say("sent"), say("received"), say("peak"), say("guarantee kept"))
        rows = [
            (
                name,
                _bytes_text(vlan["upload_bytes"]),
                _bytes_text(vlan["download_bytes"]),
                format_rate(max(vlan["peak_upload_bps"], vlan["peak_download_bps"])),
                _percent_text(vlan["guarantee_kept_percent"]),
            )
            for name, vlan in self._document["vlans"].items()
        ]
        charts = "".join(
            f"<p>{escape(name)}</p>{self._traffic_chart('vlan', name)}"
            for name in self._document["vlans"]
        )
        return _section(say("VLANs"), _table(head, rows) + charts)

    def timeline(self) -> str:
        """What operators did, and which files were applied."""
        say, found = self.say, self._document
        orders = [
            (self._time(each["at"]), each["by"], event_text(self._language, each["event"]))
            for each in found["orders"]
        ]
        changes = [
            (
                self._time(each["at"]),
                each["by"],
                each["source"],
                say(each["outcome"]),
                each["reason"],
            )
            for each in found["changes"]
        ]
        order_head = (say("time"), say("by"), say("what"))
        change_head = (say("time"), say("by"), say("file"), say("outcome"), say("reason"))
        return _section(say("Orders"), _table(order_head, orders)) + _section(
            say("Files"), _table(change_head, changes)
        )

    def footer(self) -> str:
        """Version and digest."""
        found = self._document
        count = self.say("alerts that were not delivered at once: {count}",
                         count=found["alerts_undelivered"])  # fmt: skip
        words = f"lbrouter {found['version']}, {found['config_digest'] or '-'}; {count}"
        return _note(words)

    def _unmeasured(self) -> str:
        return "".join(
            _note(
                self.say(
                    "no samples from {begin} to {end}: that was not measured",
                    begin=self._time(begin),
                    end=self._time(end),
                )
            )
            for begin, end in self._document["unmeasured"]
        )

    def _traffic_chart(self, kind: str, name: str) -> str:
        own = [each for each in self._facts.traffic if (each.kind, each.name) == (kind, name)]
        series = [
            [(datetime.fromisoformat(x.at), x.upload_bytes * 8 / x.seconds) for x in own],
            [(datetime.fromisoformat(x.at), x.download_bytes * 8 / x.seconds) for x in own],
        ]
        if not own:
            return ""
        top = max(value for points in series for _, value in points)
        legend = self.say("blue: sent, orange: received; the top is {rate}",
                          rate=format_rate(round(top)))  # fmt: skip
        return line_chart(series, self._facts.begin, self._facts.end, name) + _note(legend)

    def _time(self, at: str) -> str:
        return local_date_time(at, self._zone)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(word)}</th>" for word in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(word)}</td>" for word in row) + "</tr>" for row in rows
    )
    return f'<div class="sheet"><table><tr>{cells}</tr>{lines}</table></div>'


def _list(sentences: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(each)}</li>" for each in sentences) + "</ul>"


def _paragraphs(sentences: Iterable[str]) -> str:
    return "".join(f"<p>{escape(each)}</p>" for each in sentences)


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _percent_text(value: float | None) -> str:
    return "-" if value is None else f"{value:g} %"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _time_text(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 120 else str(timedelta(seconds=round(seconds)))


def _bytes_text(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
