"""The lab itself: what it shows is true, and a bad gateway is caught.

The gateways here are set up by hand, so that a defect of lbrouter cannot hide one of the lab.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from lbrouter.rehearsal.checks import context, isolation, policy_shares
from lbrouter.rehearsal.lab.hosts import ScanTarget
from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.process import LabError
from lbrouter.rehearsal.lab.venue import Venue
from lbrouter.rehearsal.report.tables import Check, CheckVerdict
from tests.kit.builders import TWO_LINES
from tests.kit.configs import TWIN_UPLINKS_CONFIG
from tests.kit.manual_gateway import SPLIT_FLOWS, configure_by_hand
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually


def rehearsal_context(venue: Venue) -> context.RehearsalContext:
    return context.RehearsalContext(
        venue, context.RehearsalOptions(flows_per_policy=40), lambda _: None
    )


def failed_checks(checks: Iterator[Check]) -> dict[str, str]:
    return {check.subject: check.seen for check in checks if check.verdict is CheckVerdict.FAIL}


def test_flows_are_counted_on_the_uplink_that_carried_them(build_venue: VenueBuilder) -> None:
    venue = build_venue(TWO_LINES, style=VenueOptions(addresses_per_client=10))
    configure_by_hand(venue)
    before = {name: isp.byte_counts() for name, isp in venue.isps.items()}
    rows = venue.client("stream").open_flows(count=40, take=5000)
    assert Counter(venue.uplink_of(row["seen"]) for row in rows) == {"fiber": 20, "lte": 20}
    assert {row["source"] for row in rows} == {
        str(each) for each in venue.client("stream").layout.ip_addresses(4)
    }
    logged = {row["flow"]: row["source"] for row in venue.internet.log()}
    assert logged == {row["flow"]: row["seen"] for row in rows}
    for name, isp in venue.isps.items():
        upload, download = (
            now - then for now, then in zip(isp.byte_counts(), before[name], strict=True)
        )
        assert download > 20 * 5000 > upload
        assert isp.stray_packets() == 0


def test_identical_uplinks_are_told_apart(build_venue: VenueBuilder) -> None:
    venue = build_venue(TWIN_UPLINKS_CONFIG)
    configure_by_hand(venue)
    rows = venue.client("desk").open_flows(count=20)
    assert Counter(venue.uplink_of(row["seen"]) for row in rows) == {"left": 10, "right": 10}
    assert venue.isp("left").mac != venue.isp("right").mac


def test_a_gateway_without_masquerade_is_caught(build_venue: VenueBuilder) -> None:
    venue = build_venue(TWO_LINES)
    configure_by_hand(venue, masquerade=False)
    rows = venue.client("stream").open_flows(count=4, timeout_ms=500)
    assert {row["error"] for row in rows} == {"silent"}
    assert all(isp.stray_packets() > 0 for isp in venue.isps.values())


def test_a_gateway_that_splits_a_flow_is_caught(build_venue: VenueBuilder) -> None:
    venue = build_venue(TWIN_UPLINKS_CONFIG)
    configure_by_hand(
        venue, mark=SPLIT_FLOWS, masquerade=False
    )  # the twins' providers translate by themselves
    found = failed_checks(iter([policy_shares._unsplit_flows_row(rehearsal_context(venue))]))
    assert "a flow stays on its uplink" in found


def test_a_gateway_without_firewall_is_caught(build_venue: VenueBuilder) -> None:
    venue = build_venue(TWO_LINES)
    configure_by_hand(venue)
    isolation.start_inside_servers(rehearsal_context(venue))
    assert "guests, IPv4" in failed_checks(isolation.check_isolation(rehearsal_context(venue)))
    assert (
        "tcp 22"
        in failed_checks(isolation.check_open_ports(rehearsal_context(venue)))["fiber, IPv4"]
    )


def test_wrong_shares_are_caught(build_venue: VenueBuilder) -> None:
    venue = build_venue(
        TWIN_UPLINKS_CONFIG.replace("left = 50, right = 50", "left = 70, right = 30")
    )
    configure_by_hand(venue)
    found = failed_checks(policy_shares.check_shares(rehearsal_context(venue)))
    assert set(found) == {"each, IPv4"}
    assert "left 50.0 %" in found["each, IPv4"]


def test_a_pulled_cable_and_a_dead_line(build_venue: VenueBuilder) -> None:
    venue = build_venue(TWIN_UPLINKS_CONFIG)
    configure_by_hand(venue)
    carrier = ["cat", "/sys/class/net/wan1/carrier"]
    venue.isp("left").set_carrier(up=False)
    assert venue.gateway.check_output(carrier).strip() == "0"
    venue.isp("left").set_carrier(up=True)
    assert eventually(lambda: venue.gateway.check_output(carrier).strip() == "1")
    venue.isp("right").set_blackhole(on=True)
    rows = venue.client("desk").open_flows(count=10, timeout_ms=2500)
    assert Counter((row["error"], venue.uplink_of(row["seen"])) for row in rows) == {
        ("", "left"): 5,
        ("silent", None): 5,
    }
    venue.isp("right").set_blackhole(on=False)
    assert not any(row["error"] for row in venue.client("desk").open_flows(count=10))


def test_long_flows_notice_what_happens_to_them(build_venue: VenueBuilder) -> None:
    venue = build_venue(TWIN_UPLINKS_CONFIG)
    configure_by_hand(venue)
    held = venue.client("desk").hold_connections(count=2, interval_ms=20, timeout_ms=1000)
    ping = venue.client("desk").start_ping(interval_ms=10)
    isps = list(venue.isps.values())
    with venue.capture(venue.isp("left"), "line") as frames:
        for isp in isps:
            isp.set_blackhole(on=True)
        assert eventually(lambda: len(frames.frames) > 20)
        assert eventually(lambda: held.process.poll() is None, within_s=0)
        for isp in isps:
            isp.set_blackhole(on=False)
    lost = ping.stop()[0]
    assert lost["sent"] > lost["received"] == lost["sent"] - len(lost["lost"])
    rows = held.stop()
    assert all(row["max_gap_ms"] > 20 or row["error"] for row in rows)


def test_a_command_that_fails_is_reported_with_its_output(build_venue: VenueBuilder) -> None:
    venue = build_venue(TWIN_UPLINKS_CONFIG)
    with pytest.raises(LabError, match="no-such-device"):
        venue.gateway.check_output(["ip", "link", "show", "no-such-device"])


def test_a_scan_distinguishes_open_refused_and_silent(build_venue: VenueBuilder) -> None:
    venue = build_venue(TWIN_UPLINKS_CONFIG)
    configure_by_hand(venue)
    server = venue.layout.servers[0]
    probes = (("tcp", 7777), ("tcp", 1), ("udp", 7777), ("udp", 1), ("icmp", 0))
    targets = [ScanTarget(to=server, protocol=word, port=port) for word, port in probes]
    answers = [row["answer"] for row in venue.client("desk").scan(targets)]
    assert sorted(answers) == ["open", "open", "open", "refused", "refused"]
    venue.isp("left").set_blackhole(on=True)
    venue.isp("right").set_blackhole(on=True)
    assert {row["answer"] for row in venue.client("desk").scan(targets)} == {"silent"}
