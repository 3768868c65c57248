"""The check before the show: each item, and the one verdict."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.diagnosis.precheck import (
    PrecheckDocument,
    Verdict,
    precheck_document,
    verdict,
)
from lbrouter.compile.diagnosis.precheck_facts import (
    DoctorFinding,
    LineMeasurement,
    PrecheckFacts,
    RehearsalResult,
)
from lbrouter.compile.diagnosis.precheck_items import PrecheckItem, PrecheckState
from lbrouter.compile.report.status import status_document
from lbrouter.compile.report.status_types import Status
from lbrouter.model.messages.codes import EventCode, PrecheckCode
from lbrouter.model.messages.message import message
from lbrouter.model.timeline import TimelineEvent
from tests.kit.builders import TWO_LINES, config_of
from tests.kit.status_documents import status_inputs

NOW, LONG_AGO = "2026-11-30T18:00:00Z", "2026-11-30T12:00:00Z"
TEXT = TWO_LINES + '\n[alerts]\nwebhook = "https://chat.example/hook"\n'
CONFIG = config_of(TEXT)


def status_of(**changes: Any) -> Status:
    """All is in order; `changes` replace keys of the document."""
    found = status_document(CONFIG, status_inputs(CONFIG))
    for line in found["uplinks"].values():
        line["state"], line["since"], line["loss_percent"] = "up", LONG_AGO, 0.0
    found["daemon"] = found["applied"] = True
    found["config_digest"] = "sha256:ab"
    return cast("Status", {**found, **changes})


def event(kind: str, subject: str, at: str = LONG_AGO, **more: Any) -> TimelineEvent:
    return {"at": at, "kind": kind, "subject": subject, "text": "", "incident": "", "more": more}


def pulled(uplink: str) -> list[TimelineEvent]:
    return [event("uplink", uplink, after="down"), event("uplink", uplink, after="up")]


def alert_event(code: EventCode, **values: Any) -> TimelineEvent:
    said = message(code, channel="webhook", **values).as_json()
    return event("alert", "test", message=said, by={"name": "siti", "address": None})


MEASURED = LineMeasurement(at=LONG_AGO, upload_bps=50_000_000, download_bps=100_000_000)
READY = PrecheckFacts(
    now=NOW,
    config=CONFIG,
    status=status_of(),
    pools={"guests": {"used": 1, "size": 100}},
    clock_synchronised=True,
    events=[*pulled("fiber"), *pulled("lte"), alert_event(EventCode.ALERT_TEST_DELIVERED)],
    measurements={"fiber": MEASURED, "lte": MEASURED},
    rehearsal=RehearsalResult(at=LONG_AGO, digest="sha256:ab", passed=True),
)


def check(document: PrecheckDocument, name: str) -> tuple[str, str, str]:
    """State, sentence and remedy of the worst item of that name."""
    order = [*PrecheckState]
    found = [each for each in document["checks"] if each["name"] == name]
    worst = max(found, key=lambda each: order.index(PrecheckState(each["state"])) % 3)
    return worst["state"], worst["found"], worst["remedy"]


def judged(facts: PrecheckFacts, name: str) -> tuple[str, str, str]:
    return check(precheck_document(facts), name)


def test_a_gateway_that_is_ready_is_green() -> None:
    found = precheck_document(READY)
    assert (found["verdict"], found["at"], found["config_digest"]) == ("GREEN", NOW, "sha256:ab")
    assert {each["state"] for each in found["checks"]} == {"ok", "by hand"}
    assert all(each["ok"] for each in found["checks"])
    by_hand = [each["name"] for each in found["checks"] if each["state"] == "by hand"]
    assert by_hand == ["data volume", "copy", "providers"]
    [alerts] = [each for each in found["checks"] if each["name"] == "alerts"]
    assert (alerts["at"], alerts["by"]) == (LONG_AGO, "siti")


@pytest.mark.parametrize(
    "changes, name, state, words",
    [
        ({"daemon": False}, "daemon", "fail", "no daemon runs"),
        ({"kernel": {"verified": False, "since": NOW, "reason": "no"}}, "kernel", "fail", "no"),
        ({"applied": False}, "kernel", "fail", "nothing is applied"),
        ({"unapplied_file": True}, "file", "warn", "not the one in force"),
        ({"pending_confirm_s": 40}, "trial", "fail", "40 s are left"),
    ],
)
def test_the_state_of_the_gateway(
    changes: dict[str, Any], name: str, state: str, words: str
) -> None:
    found = judged(replace(READY, status=status_of(**changes)), name)
    assert found[0] == state
    assert words in found[1]
    assert found[2]


def test_lines_that_are_down_young_or_lossy() -> None:
    def with_line(**changes: Any) -> PrecheckFacts:
        status = status_of()
        status["uplinks"]["fiber"].update(changes)  # type: ignore[typeddict-item]
        return replace(READY, status=status)

    down = with_line(state="down", reason="no carrier", reason_data=None)
    assert judged(down, "line")[:2] == ("fail", "fiber is down: no carrier")
    assert judged(with_line(loss_percent=2.0), "line")[1] == "fiber loses 2 % of the packets"
    young = judged(with_line(since="2026-11-30T17:57:00Z", loss_percent=None), "line")
    assert young == ("warn", "fiber is up for 3 min only", "wait until it is clean for 10 min")


def test_rates_are_those_that_were_measured_today() -> None:
    assert judged(replace(READY, measurements={}), "rates")[0] == "warn"
    old = replace(MEASURED, at="2026-11-28T12:00:00Z")
    assert judged(replace(READY, measurements={"fiber": old}), "rates")[0] == "warn"
    weak = replace(MEASURED, upload_bps=30_000_000)
    found = judged(replace(READY, measurements={"fiber": weak, "lte": MEASURED}), "rates")
    assert found == (
        "fail",
        "fiber carries 30.0 Mbit/s upload, and the file says 50.0 Mbit/s",
        "write the measured rate into uplinks.fiber.upload",
    )
    unknown = LineMeasurement(at=LONG_AGO, upload_bps=None, download_bps=None)
    assert judged(replace(READY, measurements={"fiber": unknown, "lte": unknown}), "rates")[0] == (
        "ok"
    )
    bare = TEXT
    for key in ('upload = "20mbit"\n', 'download = "40mbit"\n', 'upload = "50mbit"\n'):
        bare = bare.replace(key, "", 1)
    bare = bare.replace('download = "100mbit"\n', "", 1)
    found_names = [
        each["name"] for each in precheck_document(replace(READY, config=config_of(bare)))["checks"]
    ]
    assert "rates" not in found_names


def test_a_line_counts_as_pulled_when_it_came_back() -> None:
    only_down = [event("uplink", "fiber", after="down"), *pulled("lte")]
    assert judged(replace(READY, events=only_down), "pulled")[:2] == (
        "warn",
        "fiber was not pulled today",
    )
    by_stages = [
        event("uplink", "fiber", after="up"),
        event("uplink", "fiber", after="down"),
        event("uplink", "fiber", after="waiting"),
        event("uplink", "fiber", after="up", at=NOW),
        *pulled("lte"),
    ]
    document = precheck_document(replace(READY, events=by_stages))
    first = next(each for each in document["checks"] if each["name"] == "pulled")
    assert (first["state"], first["at"]) == ("ok", NOW)


def test_doctor_and_warnings_of_the_file() -> None:
    weak = DoctorFinding(subject="wg", found="is missing", fatal=False)
    assert judged(replace(READY, doctor=[weak]), "doctor")[:2] == ("warn", "wg: is missing")
    fatal = replace(weak, fatal=True)
    assert judged(replace(READY, doctor=[weak, fatal]), "doctor")[0] == "fail"
    found = judged(replace(READY, warnings=("a guarantee is short", "b")), "warnings")
    assert found[:2] == ("warn", "the file has 2 warnings: a guarantee is short")


def test_addresses_for_the_clients() -> None:
    full = replace(READY, pools={"guests": {"used": 80, "size": 100}})
    assert judged(full, "pools")[0] == "warn"
    short = TEXT.replace(
        'download = { guaranteed = "10mbit" }\n',
        'download = { guaranteed = "10mbit" }\n'
        'dhcp = { range = "10.10.10.50-10.10.10.90", lease = "2h" }\n',
    )
    found = judged(replace(READY, config=config_of(short)), "leases")
    assert found[:2] == ("warn", "leases of VLAN stream last 120 min only")
    status = status_of()
    status["vlans"]["guests"]["other_dhcp_servers"] = [
        {"mac": "02:00:00:00:00:66", "address": "10.0.0.1", "offers": "10.0.0.9"}
    ]
    assert judged(replace(READY, status=status), "other DHCP")[0] == "fail"


def test_the_clock() -> None:
    assert judged(replace(READY, clock_synchronised=False), "clock")[0] == "warn"
    unknown = precheck_document(replace(READY, clock_synchronised=None))
    assert "clock" not in [each["name"] for each in unknown["checks"]]


@pytest.mark.parametrize(
    "events, state",
    [
        ([], "warn"),
        ([alert_event(EventCode.ALERT_TEST_FAILED, error="refused")], "fail"),
        ([event("alert", "webhook"), event("alert", "x", message=None)], "warn"),
        (
            [
                alert_event(EventCode.ALERT_TEST_FAILED, error="refused"),
                {**alert_event(EventCode.ALERT_TEST_DELIVERED), "more": {
                    "message": message(EventCode.ALERT_TEST_DELIVERED, channel="x").as_json()}},
            ],
            "ok",
        ),
    ],
)  # fmt: skip
def test_alerts(events: Sequence[TimelineEvent], state: str) -> None:
    assert judged(replace(READY, events=events), "alerts")[0] == state


def test_without_alerts_in_the_file() -> None:
    found = judged(replace(READY, config=config_of(TWO_LINES)), "alerts")
    assert found[0] == "warn"
    assert found[2] == "write a section [alerts]"


@pytest.mark.parametrize(
    "rehearsal, state",
    [
        (None, "warn"),
        (RehearsalResult(at=LONG_AGO, digest="sha256:other", passed=True), "warn"),
        (RehearsalResult(at=LONG_AGO, digest="sha256:ab", passed=False), "fail"),
    ],
)
def test_the_rehearsal_is_of_exactly_this_file(
    rehearsal: RehearsalResult | None, state: str
) -> None:
    assert judged(replace(READY, rehearsal=rehearsal), "rehearsal")[0] == state


def test_orders_that_may_be_forgotten() -> None:
    status = status_of()
    status["uplinks"]["lte"]["state"] = "drained"
    status["policies"]["show"]["pinned"] = "lte"
    status["vlans"]["guests"]["limit"] = {"upload": None}
    found = judged(replace(READY, status=status, blocked=("02:00:00:00:00:01",)), "orders")
    assert found[1].endswith("drain lte, pin show lte, limit guests, block 02:00:00:00:00:01")


STATES = st.lists(st.sampled_from(PrecheckState))


@given(STATES)
def test_the_verdict_is_that_of_the_worst(states: list[PrecheckState]) -> None:
    found = message(PrecheckCode.DAEMON_RUNS)
    items = [PrecheckItem(name="x", state=state, found=found) for state in states]
    worst = verdict(items)
    assert (worst is Verdict.RED) == (PrecheckState.FAIL in states)
    assert (worst is Verdict.GREEN) == (not {PrecheckState.WARN, PrecheckState.FAIL} & {*states})
