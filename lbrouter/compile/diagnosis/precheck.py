"""`lbrouter precheck`: one verdict before the show, from what is measured. Pure.

GREEN: all is in order. AMBER: a person should look. RED: no show should begin so. What nothing here
can measure is listed as "by hand", and does not change the verdict.
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, TypedDict

from lbrouter.compile.diagnosis.precheck_facts import LineMeasurement, PrecheckFacts
from lbrouter.compile.diagnosis.precheck_items import (
    A_DAY,
    PrecheckItem,
    PrecheckState,
    age,
    alert_item,
    by_hand,
    clock_items,
    daemon_item,
    doctor_items,
    doubtful,
    failed,
    file_item,
    fine,
    kernel_item,
    lease_items,
    orders_item,
    other_dhcp_items,
    pool_items,
    rehearsal_item,
    trial_item,
    warnings_item,
)
from lbrouter.compile.report.i18n import message_or_none
from lbrouter.model.config import Uplink
from lbrouter.model.messages.codes import PrecheckCode
from lbrouter.model.messages.message import MessageDocument, message, told

CLEAN_TIME: Final = timedelta(minutes=10)
MAX_LOSS_PERCENT: Final = 1.0
MIN_MEASURED_RATIO: Final = 0.95
"""Of what the file says: a measurement varies by some percent."""


class Verdict(StrEnum):
    """The whole in one word."""

    GREEN = "GREEN"
    AMBER = "AMBER"
    RED = "RED"


class PrecheckItemDocument(TypedDict):
    """One item in JSON. `state` is ok, warn, fail or by hand; `remedy` is "" where it is fine.

    `ok` is false where the verdict suffers from it.
    """

    name: str
    ok: bool
    state: str
    found: str
    remedy: str
    at: str | None
    by: str | None
    found_data: MessageDocument
    remedy_data: MessageDocument | None


class PrecheckDocument(TypedDict):
    """The document of `lbrouter precheck --json`. `at` is RFC 3339 in UTC."""

    verdict: str
    at: str
    gateway: str
    config_digest: str
    checks: list[PrecheckItemDocument]


def precheck_document(facts: PrecheckFacts) -> PrecheckDocument:
    """All items in the order of the list, and the verdict."""
    items = list(precheck_items(facts))
    return {
        "verdict": str(verdict(items)),
        "at": facts.now,
        "gateway": facts.status["gateway"],
        "config_digest": facts.status["config_digest"],
        "checks": [_item_document(item) for item in items],
    }


def verdict(items: list[PrecheckItem]) -> Verdict:
    """The worst of all items."""
    states = {item.state for item in items}
    if PrecheckState.FAIL in states:
        return Verdict.RED
    return Verdict.AMBER if PrecheckState.WARN in states else Verdict.GREEN


def precheck_items(facts: PrecheckFacts) -> Iterator[PrecheckItem]:
    """The list of docs/event-day.md, as far as it can be measured; then what cannot."""
    yield from (daemon_item(facts), kernel_item(facts), file_item(facts), trial_item(facts))
    yield from doctor_items(facts)
    for uplink in facts.config.uplinks.values():
        yield line_item(facts, uplink)
        if uplink.upload is not None or uplink.download is not None:
            yield rates_item(facts, uplink)
        yield pulled_item(facts, uplink)
        if uplink.metered:
            found = message(PrecheckCode.LINE_METERED, uplink=uplink.name)
            yield by_hand("data volume", found, message(PrecheckCode.DO_LOOK_VOLUME))
    yield warnings_item(facts)
    yield from pool_items(facts)
    yield from lease_items(facts)
    yield from other_dhcp_items(facts)
    yield from clock_items(facts)
    yield from (alert_item(facts), rehearsal_item(facts), orders_item(facts))
    copy, ends = message(PrecheckCode.NOT_MEASURED_COPY), message(PrecheckCode.NOT_MEASURED_ENDS)
    yield by_hand("copy", copy, message(PrecheckCode.DO_COPY))
    yield by_hand("providers", ends, message(PrecheckCode.DO_TRACE))


def line_item(facts: PrecheckFacts, uplink: Uplink) -> PrecheckItem:
    """Whether a line is up, and clean for ten minutes."""
    known, name = facts.status["uplinks"][uplink.name], uplink.name
    reason = message_or_none(known["reason_data"]) or told(known["reason"])
    if known["state"] != "up":
        found = message(PrecheckCode.LINE_BAD, uplink=name, state=known["state"], reason=reason)
        return failed("line", found, message(PrecheckCode.DO_LOOK))
    loss = known["loss_percent"]
    if loss is not None and loss >= MAX_LOSS_PERCENT:
        found = message(PrecheckCode.LINE_LOSSY, uplink=name, loss_percent=loss)
        return doubtful("line", found, message(PrecheckCode.DO_LOOK))
    up_for = age(facts.now, known["since"])
    if up_for < CLEAN_TIME:
        found = message(PrecheckCode.LINE_YOUNG, uplink=name, age_s=up_for.total_seconds())
        remedy = message(PrecheckCode.DO_WAIT, needed_s=CLEAN_TIME.total_seconds())
        return doubtful("line", found, remedy)
    return fine("line", message(PrecheckCode.LINE_CLEAN, uplink=name), at=known["since"])


def rates_item(facts: PrecheckFacts, uplink: Uplink) -> PrecheckItem:
    """Whether a line was measured today, and carries what the file says."""
    last, name = facts.measurements.get(uplink.name), uplink.name
    if last is None or age(facts.now, last.at) > A_DAY:
        found = message(PrecheckCode.LINE_UNMEASURED, uplink=name)
        return doubtful("rates", found, message(PrecheckCode.DO_MEASURE, uplink=name))
    weaker = _weaker_direction(uplink, last)
    if weaker is not None:
        direction, measured_bps, file_bps = weaker
        found = message(
            PrecheckCode.LINE_WEAKER,
            uplink=name,
            direction=direction,
            measured_bps=measured_bps,
            file_bps=file_bps,
        )
        remedy = message(PrecheckCode.DO_WRITE_RATE, uplink=name, key=direction)
        return failed("rates", found, remedy)
    return fine("rates", message(PrecheckCode.LINE_MEASURED, uplink=name), at=last.at)


def _weaker_direction(uplink: Uplink, last: LineMeasurement) -> tuple[str, int, int] | None:
    pairs = (
        ("upload", last.upload_bps, uplink.upload),
        ("download", last.download_bps, uplink.download),
    )
    for direction, measured, written in pairs:
        if measured is None or written is None:
            continue
        if measured < MIN_MEASURED_RATIO * written:
            return direction, measured, int(written)
    return None


def pulled_item(facts: PrecheckFacts, uplink: Uplink) -> PrecheckItem:
    """Whether a line was down today and came back: from the timeline, not from memory."""
    came_back = None
    was_down = False
    for event in facts.events:
        if (event["kind"], event["subject"]) != ("uplink", uplink.name):
            continue
        after = _state_after(event["more"])
        if was_down and after == "up":
            came_back = event["at"]
        was_down = after == "down" or (was_down and after != "up")
    if came_back is None:
        found = message(PrecheckCode.LINE_UNPULLED, uplink=uplink.name)
        return doubtful("pulled", found, message(PrecheckCode.DO_PULL))
    return fine("pulled", message(PrecheckCode.LINE_PULLED, uplink=uplink.name), at=came_back)


def _state_after(more: dict[str, Any]) -> Any:
    """The state that an event tells; None where it tells none of the line as a whole."""
    return more.get("after")


def _item_document(item: PrecheckItem) -> PrecheckItemDocument:
    return {
        "name": item.name,
        "ok": item.state in (PrecheckState.OK, PrecheckState.BY_HAND),
        "state": str(item.state),
        "found": str(item.found),
        "remedy": "" if item.remedy is None else str(item.remedy),
        "at": item.at,
        "by": item.by,
        "found_data": item.found.as_json(),
        "remedy_data": None if item.remedy is None else item.remedy.as_json(),
    }
