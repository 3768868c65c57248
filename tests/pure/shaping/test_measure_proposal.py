"""From a measurement to lines for the file."""

import pytest

from lbrouter.compile.shaping.measure_proposal import (
    DirectionSamples,
    config_snippet,
    direction_measurement,
    latency_summary,
    rounded_down_rate,
)
from lbrouter.model.errors import NotAppliedError
from lbrouter.services.iperf import IperfServer, iperf_argv, parse_rates

FAST_LINE_SAMPLES = DirectionSamples(
    goodput_bps=[19.2e6, 19.1e6, 3e6, 19.15e6], rtts_s=[0.01] * 19 + [0.2]
)


def test_the_median_second_counts_in_frames() -> None:
    found = direction_measurement(FAST_LINE_SAMPLES, limit=None)
    assert found is not None
    assert found["goodput_bps"] == 19_125_000
    assert found["line_bps"] == 19_996_720
    assert (found["proposed"], found["shaped"]) == ("19.9mbit", False)
    assert found["loaded"]["median_ms"] == 10.0
    assert direction_measurement(DirectionSamples(goodput_bps=[], rtts_s=[]), limit=None) is None


@pytest.mark.parametrize("limit, shaped", [(20_000_000, True), (100_000_000, False)])
def test_our_own_limit_is_distinguished_from_the_line(limit: int, *, shaped: bool) -> None:
    found = direction_measurement(FAST_LINE_SAMPLES, limit=limit)
    assert found is not None
    assert found["shaped"] is shaped
    lines = config_snippet("fiber", {"upload": found, "download": None}).splitlines()
    assert lines[0] == "[uplinks.fiber]"
    assert lines[1].startswith('upload   = "19.9mbit"')
    assert ("own limit" in lines[1]) is shaped
    assert len(lines) == 2


def test_nobody_who_answers_is_null() -> None:
    assert latency_summary([]) == {"median_ms": None, "p95_ms": None}
    assert latency_summary([0.02]) == {"median_ms": 20.0, "p95_ms": 20.0}


def test_rates_are_rounded_down() -> None:
    assert [str(rounded_down_rate(bps)) for bps in (999.9, 123_456, 98_765_432)] == [
        *("999bit", "123kbit", "98.7mbit"),
    ]


def test_iperf_is_bound_to_the_uplink_and_its_report_read() -> None:
    argv = iperf_argv(IperfServer(host="h", port=7), "wan1", seconds=10, download=True)
    assert argv[argv.index("--bind-dev") + 1] == "wan1"
    assert argv[-1] == "-R"
    assert int(argv[argv.index("-l") + 1]) < 1 << 14, "whole blocks are counted"
    report = b'{"intervals": [{"sum": {"bits_per_second": 1, "omitted": true}},'
    assert parse_rates(report + b' {"sum": {"bits_per_second": 5.5}}]}', IperfServer(host="h")) == [
        5.5
    ]


def test_two_seconds_with_the_bytes_of_one_are_no_second() -> None:
    """As iperf3 3.12 and 3.18 report them of a line of 20 Mbit/s, at the end of the slow start."""
    report = b"""{"intervals": [
        {"sum": {"seconds": 1.0, "bits_per_second": 39e6, "omitted": true}},
        {"sum": {"seconds": 2.0, "bits_per_second": 9.9e6, "omitted": false}},
        {"sum": {"seconds": 1.01, "bits_per_second": 19.8e6, "omitted": false}}]}"""
    assert parse_rates(report, IperfServer(host="h")) == [19.8e6]


def test_what_waits_in_the_sender_s_queue_does_not_count() -> None:
    report = b'{"intervals": [{"sum": {"bits_per_second": 9}}],'
    report += b' "end": {"sum_received": {"bits_per_second": 7}}}'
    assert parse_rates(report, IperfServer(host="h")) == [7.0]


@pytest.mark.parametrize("report", [b"", b"[]", b'{"error": "refused"}', b'{"intervals": []}'])
def test_a_report_of_nothing_is_an_error(report: bytes) -> None:
    with pytest.raises(NotAppliedError, match="iperf3 to h"):
        parse_rates(report, IperfServer(host="h"))
