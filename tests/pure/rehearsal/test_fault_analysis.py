"""What a rehearsal reads from the flows' own records after a fault."""

import math
from dataclasses import replace

import pytest

from lbrouter.rehearsal.analysis.fault_analysis import (
    FaultTimes,
    fault_outcome,
    lease_return_ms,
    longest_gap_ms,
    violations,
)
from lbrouter.rehearsal.lab.faults import (
    Expectation,
    ExpectedReaction,
    Fault,
    expectation_for,
)
from lbrouter.rehearsal.lab.process import JsonRow
from lbrouter.rehearsal.report.judgement import CheckVerdict
from lbrouter.rehearsal.report.rows import (
    FaultRow,
    duration_text,
)
from tests.kit.builders import TWO_LINES, config_of

FAULT_TIMES = FaultTimes(began_at=10.0, restored_at=15.0, ended_at=17.0)
UPLINK_BY_SOURCE = {"f": "fiber", "c": "cable"}


def uplink_of_source(source: str) -> str | None:
    return UPLINK_BY_SOURCE.get(source)


def new_flow_row(at: float, seen: str, error: str = "") -> JsonRow:
    return {"kind": "new", "at": at, "seen": seen, "error": error, "ms": 1.0}


def stream_row(
    kind: str, seen: list[tuple[float, str]], times: list[float], **more: object
) -> JsonRow:
    return {"kind": kind, "flow": kind, "seen": seen, "times": times, "breaks": [], **more}


def new_flow_rows(step: float, begin: float, end: float, seen: str) -> list[JsonRow]:
    count = round((end - begin) / step)
    return [new_flow_row(begin + number * step, seen) for number in range(count)]


def test_a_failover_is_read_off_the_flows() -> None:
    rows = (
        new_flow_rows(0.05, 9, 10.5, "f")
        + new_flow_rows(0.05, 10.5, 15, "c")
        + new_flow_rows(0.05, 16, 17, "f")
    )
    rows += [
        stream_row("call", [(9.0, "f"), (11.0, "c")], [9.0, 9.99, 11.0, 15.2]),
        stream_row("push", [(9.0, "c")], [9.0, 16.9], breaks=[(12.0, "reset")]),
    ]
    seen = fault_outcome(rows, "fiber", FAULT_TIMES, uplink_of_source)
    assert seen.moved_ms == pytest.approx(500, abs=1)
    assert seen.gaps_ms["call"] == pytest.approx(4200, abs=1)
    assert seen.broken == 1
    assert seen.back_ms == pytest.approx(1000, abs=1)
    assert seen.left
    assert not seen.refused


def test_a_policy_that_never_used_the_uplink_has_nothing_to_move() -> None:
    seen = fault_outcome(new_flow_rows(0.05, 9, 17, "c"), "fiber", FAULT_TIMES, uplink_of_source)
    assert seen.moved_ms is None
    assert (
        violations(Expectation(reaction=ExpectedReaction.LEAVE, within_ms=1, returns=True), seen)
        == []
    )


def test_flows_that_stay_and_flows_that_are_refused() -> None:
    stays = fault_outcome(new_flow_rows(0.05, 9, 17, "f"), "fiber", FAULT_TIMES, uplink_of_source)
    assert stays.moved_ms == math.inf
    assert violations(Expectation(reaction=ExpectedReaction.STAY), stays) == []
    assert (
        "never"
        in violations(Expectation(reaction=ExpectedReaction.LEAVE, within_ms=1000), stays)[0]
    )
    rows = new_flow_rows(0.05, 9, 10, "f") + [
        new_flow_row(10 + number / 20, "", "prohibited") for number in range(90)
    ]
    refused = fault_outcome(rows, "fiber", FAULT_TIMES, uplink_of_source)
    assert refused.refused
    assert violations(Expectation(reaction=ExpectedReaction.REFUSE), refused) == []
    assert violations(Expectation(reaction=ExpectedReaction.REFUSE), stays) == [
        "new flows are not refused at once"
    ]


def test_what_is_late_or_left_without_need_is_said() -> None:
    rows = new_flow_rows(0.05, 9, 13, "f") + new_flow_rows(0.05, 13, 17, "c")
    seen = fault_outcome(
        [*rows, stream_row("udp", [(9.0, "f")], [9.0, 9.9])], "fiber", FAULT_TIMES, uplink_of_source
    )
    late = violations(
        Expectation(reaction=ExpectedReaction.LEAVE, within_ms=1000, returns=True), seen
    )
    assert late == [
        "new flows: after 3.0 s, allowed 1.0 s",
        "UDP stream: never, allowed 1.8 s",
        "new flows did not return",
    ]
    assert violations(Expectation(reaction=ExpectedReaction.STAY), seen) == [
        "the policy left the uplink without need"
    ]


def test_a_lease_that_changes_must_be_taken_and_carry_again() -> None:
    config = config_of(TWO_LINES)
    policy, uplink = config.policies["show"], config.uplinks["fiber"]
    expectation = expectation_for(Fault.LEASE, config, policy, uplink, others=True)
    expectation6 = expectation_for(Fault.LEASE, config, policy, uplink, others=True, version=6)
    assert expectation6.reaction is ExpectedReaction.ANY
    rows = new_flow_rows(0.05, 9, 17, "f")
    rows.append(new_flow_row(13.01, "", "silent"))
    assert lease_return_ms(rows, "fiber", 10.0, 12.5, uplink_of_source) == pytest.approx(
        3050, abs=1
    )
    assert lease_return_ms(rows, "fiber", 10.0, 14.0, uplink_of_source) == pytest.approx(
        4000, abs=1
    )
    assert lease_return_ms(rows, "cable", 10.0, 14.0, uplink_of_source) is None
    rows.append(stream_row("udp", [(9.0, "f")], [9.0 + n / 10 for n in range(80)]))
    seen = fault_outcome(
        rows, "fiber", FaultTimes(began_at=10.0, restored_at=17.0, ended_at=17.0), uplink_of_source
    )
    assert violations(expectation, replace(seen, back_ms=4000.0)) == []
    assert violations(expectation, seen) == ["new flows did not return"]
    late = replace(seen, back_ms=8100.0, gaps_ms={"udp": math.inf, "push": 100.0}, broken=2)
    assert violations(expectation, late) == [
        "2 flows broke or moved that are not part of the fault",
        "new flows by it: after 8.1 s, allowed 8.0 s",
        "UDP stream: never, allowed 8.8 s",
    ]


def test_a_gap_counts_where_it_overlaps_the_fault() -> None:
    assert longest_gap_ms([1.0, 5.0, 5.1, 9.0], 5.05, 5.09) == pytest.approx(100)
    assert longest_gap_ms([], 1, 2) == math.inf
    assert longest_gap_ms([1.0, 1.1], 1.05, 9) == math.inf
    assert longest_gap_ms([1.0, 1.5], 1.2, 1.6) == pytest.approx(500)


def test_what_never_ended_is_written_so() -> None:
    row = FaultRow(
        uplink="fiber", fault=Fault.CABLE, verdict=CheckVerdict.FAIL, note="", policy="show, IPv4",
        moved_ms=math.inf, gaps_ms={"call": 12.34},
    )  # fmt: skip
    found = row.as_json()
    assert (found["moved_ms"], found["gaps_ms"], found["back_ms"]) == (
        "never",
        {"call": 12.3},
        None,
    )
    assert [duration_text(each) for each in (None, math.inf, 80.4, 2345.0)] == [
        "-",
        "no end",
        "80 ms",
        "2.3 s",
    ]
