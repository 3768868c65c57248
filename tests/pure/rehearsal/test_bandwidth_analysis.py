"""What a rehearsal reads from a flood: rates, delays, and whether a guarantee was kept."""

import math

import pytest

from lbrouter.model.direction import Direction
from lbrouter.rehearsal.analysis import bandwidth_analysis
from lbrouter.rehearsal.analysis.expected import traffic_paths
from lbrouter.rehearsal.report.judgement import CheckVerdict
from tests.kit.builders import TWO_LINES, config_of
from tests.kit.layouts import layout_of


def test_rates_and_delays_by_hand() -> None:
    flow = {"kind": "flow", "times": [1.0, 2.0, 3.0], "sizes": [1000, 500, 500]}
    assert bandwidth_analysis.received_bps([flow], 1.5, 3.5) == pytest.approx(3000)
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
    path = next(each for each in traffic_paths(layout_of(TWO_LINES)) if each.policy == "show")
    assert bandwidth_analysis.guarantee_of(config.vlans["stream"], Direction.UPLOAD) == 12_000_000
    assert bandwidth_analysis.guarantee_of(config.vlans["desk"], Direction.UPLOAD) == 0
    assert not bandwidth_analysis.exemption_reason(config, path, "others flood", Direction.UPLOAD)
    short = config_of(TWO_LINES.replace('upload = "20mbit"', 'upload = "11mbit"'))
    assert "fit" in bandwidth_analysis.exemption_reason(
        short, path, "without fiber, others flood", Direction.UPLOAD
    )
    assert not bandwidth_analysis.exemption_reason(
        short, path, "without lte, others flood", Direction.UPLOAD
    )
    fast = config_of(TWO_LINES.replace('upload = "50mbit"', 'upload = "1gbit"'))
    assert "too fast" in bandwidth_analysis.exemption_reason(
        fast, path, "others flood", Direction.UPLOAD
    )
    unshaped = config_of(TWO_LINES.replace('upload = "50mbit"\n', ""))
    assert "not shaped" in bandwidth_analysis.exemption_reason(
        unshaped, path, "others flood", Direction.UPLOAD
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
