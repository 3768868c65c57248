"""What a rehearsal expects of a fault, and how it reads the flows' own records."""

import math
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from lbrouter.model.direction import Direction
from lbrouter.model.errors import UsageError
from lbrouter.rehearsal.analysis import bandwidth_analysis
from lbrouter.rehearsal.analysis.expected import traffic_paths
from lbrouter.rehearsal.analysis.fault_analysis import (
    FaultTimes,
    fault_outcome,
    lease_return_ms,
    longest_gap_ms,
    violations,
)
from lbrouter.rehearsal.checks import fault_procedure
from lbrouter.rehearsal.lab.dhcp_server import changed_lease
from lbrouter.rehearsal.lab.faults import (
    Expectation,
    ExpectedReaction,
    Fault,
    expectation_for,
    parse_faults,
)
from lbrouter.rehearsal.lab.impairment import Impairment, impairment_ruleset, relay_ruleset
from lbrouter.rehearsal.lab.process import JsonRow
from lbrouter.rehearsal.report.judgement import CheckVerdict
from lbrouter.rehearsal.report.rows import (
    FaultRow,
    duration_text,
)
from tests.kit.builders import TWO_LINES, config_of
from tests.pure.rehearsal.test_layout_and_report import layout_of

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


def test_the_fault_names_of_the_command() -> None:
    assert parse_faults("all") == tuple(Fault)
    assert parse_faults("none") == ()
    assert parse_faults("loss, cable,loss") == (Fault.LOSS, Fault.CABLE)
    with pytest.raises(UsageError, match="flood"):
        parse_faults("cable,flood")


SHOW = 'uplinks = ["fiber", "lte"]\n\n[policies.spread]'
TOLERANT = TWO_LINES.replace(SHOW, 'tolerate = { loss = "2%", latency = "150ms" }\n' + SHOW)


@pytest.mark.parametrize(
    "fault, policy, others, duty",
    [
        (Fault.CABLE, "show", True, ExpectedReaction.LEAVE),
        (Fault.CABLE, "show", False, ExpectedReaction.REFUSE),
        (Fault.BLACKHOLE, "spread", True, ExpectedReaction.LEAVE),
        (Fault.FLAP, "spread", True, ExpectedReaction.LEAVE),
        (Fault.LOSS, "show", True, ExpectedReaction.LEAVE),
        (Fault.LOSS, "show", False, ExpectedReaction.ANY),
        (Fault.LOSS, "spread", True, ExpectedReaction.STAY),
        (Fault.LATENCY, "show", True, ExpectedReaction.LEAVE),
        (Fault.LATENCY, "spread", True, ExpectedReaction.STAY),
        (Fault.DNS, "show", True, ExpectedReaction.STAY),
        (Fault.PORTAL, "show", True, ExpectedReaction.ANY),
        (Fault.LEASE, "show", True, ExpectedReaction.RENEW),
        (Fault.LEASE, "spread", False, ExpectedReaction.RENEW),
    ],
)
def test_what_is_expected_of_a_policy(
    fault: Fault,
    policy: str,
    others: bool,  # noqa: FBT001
    duty: ExpectedReaction,
) -> None:
    config = config_of(TOLERANT)
    found = expectation_for(
        fault, config, config.policies[policy], config.uplinks["fiber"], others=others
    )
    assert found.reaction is duty
    assert (duty is ExpectedReaction.ANY) == bool(found.reason)


def test_what_is_expected_of_a_policy_whose_targets_show_the_fault() -> None:
    for target, fault, duty in (
        ("http://1.1.1.1/", Fault.PORTAL, ExpectedReaction.LEAVE),
        ("dns://9.9.9.9", Fault.DNS, ExpectedReaction.ANY),
    ):
        config = config_of(f'[health]\ntargets = ["{target}"]\n{TWO_LINES}')
        policy, uplink = config.policies["show"], config.uplinks["fiber"]
        assert expectation_for(fault, config, policy, uplink, others=True).reaction is duty


def test_a_tolerance_near_what_happens_expects_nothing() -> None:
    config = config_of(TOLERANT.replace('"2%"', '"15%"').replace('"150ms"', '"400ms"'))
    for fault in (Fault.LOSS, Fault.LATENCY):
        policy, uplink = config.policies["show"], config.uplinks["fiber"]
        assert (
            expectation_for(fault, config, policy, uplink, others=True).reaction
            is ExpectedReaction.ANY
        )


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
        "left, though nothing asked for it"
    ]


def test_a_lease_that_changes_must_be_taken_and_carry_again() -> None:
    config = config_of(TWO_LINES)
    policy, uplink = config.policies["show"], config.uplinks["fiber"]
    owed = expectation_for(Fault.LEASE, config, policy, uplink, others=True)
    six = expectation_for(Fault.LEASE, config, policy, uplink, others=True, version=6)
    assert six.reaction is ExpectedReaction.ANY
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
    assert violations(owed, replace(seen, back_ms=4000.0)) == []
    assert violations(owed, seen) == ["new flows did not return"]
    late = replace(seen, back_ms=8100.0, gaps_ms={"udp": math.inf, "push": 100.0}, broken=2)
    assert violations(owed, late) == [
        "2 flows broke or moved that had nothing to do with it",
        "new flows by it: after 8.1 s, allowed 8.0 s",
        "UDP stream: never, allowed 8.8 s",
    ]


def test_another_lease_is_in_the_same_subnet() -> None:
    address, gateway = changed_lease(IPv4Interface("198.18.1.2/24"))
    assert address == IPv4Interface("198.18.1.77/24")
    assert gateway == IPv4Address("198.18.1.254")


def test_who_sees_another_lease_is_told_when_it_is_noticed() -> None:
    row = FaultRow(uplink="lte", fault=Fault.LEASE, verdict=CheckVerdict.INFO, note="not rehearsed")
    assert list(fault_procedure.fault_notes([row])) == []
    assert list(fault_procedure.fault_notes([replace(row, fault=Fault.CABLE, policy="a")])) == [
        *fault_procedure.FAULT_NOTES
    ]
    assert list(fault_procedure.fault_notes([replace(row, policy="a")])) == [
        *fault_procedure.FAULT_NOTES,
        fault_procedure.LEASE_FAULT_NOTE,
    ]


def test_the_copy_for_a_lease_asks_for_an_address() -> None:
    copy = fault_procedure.with_dhcp_uplink(config_of(TWO_LINES), "fiber")
    assert copy.uplinks["fiber"].addressing == "dhcp"
    assert copy.uplinks["fiber"].gateway is None
    assert copy.uplinks["lte"] == config_of(TWO_LINES).uplinks["lte"]


def test_a_gap_counts_where_it_overlaps_the_fault() -> None:
    assert longest_gap_ms([1.0, 5.0, 5.1, 9.0], 5.05, 5.09) == pytest.approx(100)
    assert longest_gap_ms([], 1, 2) == math.inf
    assert longest_gap_ms([1.0, 1.1], 1.05, 9) == math.inf
    assert longest_gap_ms([1.0, 1.5], 1.2, 1.6) == pytest.approx(500)


def test_a_line_is_impaired_in_what_was_asked_for_alone() -> None:
    line = layout_of(TWO_LINES).lines[0]
    assert "drop" not in impairment_ruleset(line, Impairment())
    lossy = impairment_ruleset(line, Impairment(loss_up_percent=12.5))
    assert 'iifname "line" numgen random mod 10000 < 1250' in lossy
    assert 'iifname "wan"' not in lossy
    assert "dport 53 drop" in impairment_ruleset(line, Impairment(dns_dead=True))
    portal = impairment_ruleset(line, Impairment(portal=True))
    assert "tcp dport 443 dnat to" in portal
    assert "table ip6 portal {" in portal
    assert 'fwd to "slow-wan"' in relay_ruleset(("line", "wan"))


def test_the_rehearsed_copy_returns_soon() -> None:
    text = TWO_LINES.replace("metered = true", 'metered = true\nhealth = { up_after = "30s" }')
    copy = fault_procedure.with_short_up_after(config_of(text))
    assert {int(copy.health_settings_of(each).up_after) for each in copy.uplinks.values()} == {1000}


def test_rates_and_delays_by_hand() -> None:
    flow = {"kind": "flow", "times": [1.0, 2.0, 3.0], "sizes": [1000, 500, 500]}
    assert bandwidth_analysis.received_bps([flow], 1.5, 3.5) == pytest.approx(4000)
    probe = {"kind": "probe", "sent": 100, "rtts": [(n * 0.02, float(n)) for n in range(100)]}
    assert bandwidth_analysis.p95_rtt_ms([probe], 0, 2) == 94
    assert bandwidth_analysis.median_rtt_ms([probe]) == 49.5
    lossy = {**probe, "rtts": [pair for number, pair in enumerate(probe["rtts"]) if number % 10]}
    assert bandwidth_analysis.p95_rtt_ms([lossy], 0, 2) == math.inf
    assert bandwidth_analysis.p95_rtt_ms([], 0, 2) == math.inf
    assert bandwidth_analysis.median_rtt_ms([]) == 0


def test_a_guarantee_is_kept_short_or_excused() -> None:
    assert bandwidth_analysis.guarantee_verdict(9.8e6, 10_000_000, "") == (CheckVerdict.PASS, "")
    assert bandwidth_analysis.guarantee_verdict(9.6e6, 10_000_000, "") == (
        CheckVerdict.FAIL,
        "short by 0.4 Mbit/s",
    )
    assert bandwidth_analysis.guarantee_verdict(1.0, 10_000_000, "because")[0] is CheckVerdict.INFO
    assert bandwidth_analysis.guarantee_verdict(1.0, 0, "") == (CheckVerdict.INFO, "")


def test_when_a_guarantee_need_not_be_kept() -> None:
    config = config_of(TWO_LINES)
    way = next(each for each in traffic_paths(layout_of(TWO_LINES)) if each.policy == "show")
    assert bandwidth_analysis.guarantee_of(config.vlans["stream"], Direction.UPLOAD) == 12_000_000
    assert bandwidth_analysis.guarantee_of(config.vlans["desk"], Direction.UPLOAD) == 0
    assert not bandwidth_analysis.exemption_reason(config, way, "others flood", Direction.UPLOAD)
    short = config_of(TWO_LINES.replace('upload = "20mbit"', 'upload = "11mbit"'))
    assert "fit" in bandwidth_analysis.exemption_reason(
        short, way, "without fiber, others flood", Direction.UPLOAD
    )
    assert not bandwidth_analysis.exemption_reason(
        short, way, "without lte, others flood", Direction.UPLOAD
    )
    fast = config_of(TWO_LINES.replace('upload = "50mbit"', 'upload = "1gbit"'))
    assert "too fast" in bandwidth_analysis.exemption_reason(
        fast, way, "others flood", Direction.UPLOAD
    )
    unshaped = config_of(TWO_LINES.replace('upload = "50mbit"\n', ""))
    assert "not shaped" in bandwidth_analysis.exemption_reason(
        unshaped, way, "others flood", Direction.UPLOAD
    )


def test_a_vlan_alone_asks_for_more_than_its_lines_carry() -> None:
    config = config_of(TWO_LINES)
    show, spread = (
        next(each for each in traffic_paths(layout_of(TWO_LINES)) if each.policy == name)
        for name in ("show", "spread")
    )
    assert bandwidth_analysis.offered_load_bps(config, show, Direction.UPLOAD) == 1.5 * 50e6, (
        "one line at a time"
    )
    assert bandwidth_analysis.offered_load_bps(config, spread, Direction.UPLOAD) == 1.5 * 70e6, (
        "both at once"
    )
    unshaped = config_of(TWO_LINES.replace('upload = "50mbit"\n', ""))
    assert bandwidth_analysis.offered_load_bps(unshaped, show, Direction.UPLOAD) == 0, (
        "as fast as it goes"
    )


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
