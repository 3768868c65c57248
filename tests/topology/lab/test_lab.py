"""The lab itself: what it shows is true, a bad gateway is caught, and it leaves nothing behind.

The gateways here are set up by hand, so that a defect of lbrouter cannot hide one of the lab.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.model.config import Config
from lbrouter.rehearsal.checks import context, isolation, policy_shares
from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.hosts import ScanTarget
from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.process import LabError
from lbrouter.rehearsal.lab.venue import Venue
from lbrouter.rehearsal.report.tables import Check, CheckVerdict
from tests.kit.builders import TWO_LINES
from tests.topology.conftest import VenueBuilder, eventually

ROOT = Path(__file__).parents[3]

IDENTICAL_UPLINKS_CONFIG = """
[gateway]
name = "twins"

[uplinks.left]
interface = "wan1"
address = "192.0.2.2/24"
gateway = "192.0.2.1"

[uplinks.right]
interface = "wan2"
address = "192.0.2.2/24"
gateway = "192.0.2.1"

[vlans.desk]
port = "lan1"
address = "10.10.99.1/24"
policy = "each"

[policies.each]
mode = "balance"
weights = { left = 50, right = 50 }
sticky = "0s"
"""

HAND_MADE_RULESET = """
table inet byhand {{
 chain decide {{ type filter hook prerouting priority mangle;
  iifname wan1 ct mark 0 ct mark set 1
  iifname wan2 ct mark 0 ct mark set 2
  iifname {inside} ct mark 0 ct mark set numgen inc mod 2 map {{ 0 : 1, 1 : 2 }}
  {mark}
 }}
 chain own {{ type route hook output priority mangle; meta mark set ct mark; }}
 chain translate {{ type nat hook postrouting priority srcnat; {nat} }}
}}
"""

RESTORE_MARK = "meta mark set ct mark"
SPLIT_FLOWS = "iifname {inside} meta mark set numgen inc mod 2 map {{ 0 : 1, 1 : 2 }}"
SYSCTLS = ("all/rp_filter=0", "default/rp_filter=0", "all/arp_ignore=1", "all/src_valid_mark=1")


def configure_by_hand(venue: Venue, *, mark: str = RESTORE_MARK, masquerade: bool = True) -> None:
    """Half of the flows by each of the first two uplinks, in a few lines of ip and nft."""
    batch = ["rule add priority 1 lookup main suppress_prefixlength 0"]
    for line in venue.layout.lines:
        batch.append(f"link set {line.interface} up")
        for leg in line.families:
            batch.append(f"address add {leg.address} dev {line.interface}")
            if leg.address.version == 4:
                way_out = f"via {leg.gateway} dev {line.interface} onlink table {line.number}"
                batch.append(f"route add default {way_out}")
                batch.append(f"route append default via {leg.gateway} dev {line.interface} onlink")
                batch.append(f"rule add priority 2 fwmark {line.number} lookup {line.number}")
    for segment in venue.layout.segments:
        batch.append(f"link set {segment.port} up")
        batch += [f"address add {each} dev {segment.port}" for each in segment.gateways]
    venue.gateway.check_output(["ip", "-batch", "-"], stdin="\n".join(batch) + "\n")
    inside = "{ " + ", ".join(segment.port for segment in venue.layout.segments) + " }"
    outside = "{ " + ", ".join(line.interface for line in venue.layout.lines) + " }"
    nat = f"oifname {outside} masquerade;" if masquerade else ""
    text = HAND_MADE_RULESET.format(inside=inside, mark=mark.format(inside=inside), nat=nat)
    venue.gateway.check_output(["nft", "-f", "-"], stdin=text)
    sets = [f"net/ipv4/conf/{each}".replace("=", " ") for each in SYSCTLS]
    sets += ["net/ipv4/ip_forward 1"]
    sets += [f"net/ipv4/conf/{line.interface}/rp_filter 0" for line in venue.layout.lines]
    lines = (f"echo {each.split()[1]} > /proc/sys/{each.split()[0]}" for each in sets)
    venue.gateway.run_script("\n".join(lines))


def config_of(text: str) -> Config:
    return parse(text.encode(), source="test").config


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
    venue = build_venue(IDENTICAL_UPLINKS_CONFIG)
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
    venue = build_venue(IDENTICAL_UPLINKS_CONFIG)
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
        IDENTICAL_UPLINKS_CONFIG.replace("left = 50, right = 50", "left = 70, right = 30")
    )
    configure_by_hand(venue)
    found = failed_checks(policy_shares.check_shares(rehearsal_context(venue)))
    assert set(found) == {"each, IPv4"}
    assert "left 50.0 %" in found["each, IPv4"]


def test_a_pulled_cable_and_a_dead_line(build_venue: VenueBuilder) -> None:
    venue = build_venue(IDENTICAL_UPLINKS_CONFIG)
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
    venue = build_venue(IDENTICAL_UPLINKS_CONFIG)
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
    venue = build_venue(IDENTICAL_UPLINKS_CONFIG)
    with pytest.raises(LabError, match="no-such-device"):
        venue.gateway.check_output(["ip", "link", "show", "no-such-device"])


BUILDER_SCRIPT = """
import sys, signal
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.checks import runner
from lbrouter.rehearsal.lab.venue import Venue
config = parse(sys.stdin.buffer.read(), source="test").config
with runner._signals_as_exit(), Venue.build(config) as venue:
    print(venue.prefix, flush=True)
    signal.pause()
"""


@pytest.fixture
def venue_process() -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has built a venue and waits."""
    argv = [sys.executable, "-c", BUILDER_SCRIPT]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=env) as process:
        assert process.stdin is not None
        process.stdin.write(IDENTICAL_UPLINKS_CONFIG.encode())
        process.stdin.close()
        yield process
        if process.poll() is None:
            process.kill()


def leftover_namespaces(prefix: str) -> list[str]:
    """Namespaces of a venue, and processes in them."""
    return [name for name in process_netns._lab_namespaces() if name.startswith(prefix)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(
    venue_process: "subprocess.Popen[bytes]", number: signal.Signals
) -> None:
    assert venue_process.stdout is not None
    prefix = venue_process.stdout.readline().decode().strip()
    assert leftover_namespaces(prefix)
    venue_process.send_signal(number)
    venue_process.wait(timeout=20)
    assert not leftover_namespaces(prefix)


def test_what_a_killed_process_left_is_swept_by_the_next(
    venue_process: "subprocess.Popen[bytes]", build_venue: VenueBuilder
) -> None:
    assert venue_process.stdout is not None
    prefix = venue_process.stdout.readline().decode().strip()
    mine = build_venue(IDENTICAL_UPLINKS_CONFIG)
    assert leftover_namespaces(prefix)  # what a living process uses stays
    venue_process.kill()
    venue_process.wait(timeout=20)
    assert leftover_namespaces(prefix)
    other = build_venue(IDENTICAL_UPLINKS_CONFIG)
    assert not leftover_namespaces(prefix)
    for venue in (mine, other):  # and venues stand side by side
        configure_by_hand(venue)
        assert not venue.client("desk").open_flows(count=2)[0]["error"]


def test_an_error_inside_leaves_nothing_behind(build_venue: VenueBuilder) -> None:
    venue = build_venue(IDENTICAL_UPLINKS_CONFIG)
    folder = venue.folder
    venue.client("desk").start_ping()
    with pytest.raises(ZeroDivisionError), venue:
        raise ZeroDivisionError
    assert not leftover_namespaces(venue.prefix)
    assert not folder.exists()
    assert all(job.process.poll() is not None for job in venue.processes)


def test_a_scan_distinguishes_open_refused_and_silent(build_venue: VenueBuilder) -> None:
    venue = build_venue(IDENTICAL_UPLINKS_CONFIG)
    configure_by_hand(venue)
    server = venue.layout.servers[0]
    knocks = (("tcp", 7777), ("tcp", 1), ("udp", 7777), ("udp", 1), ("icmp", 0))
    targets = [ScanTarget(to=server, protocol=word, port=port) for word, port in knocks]
    answers = [row["answer"] for row in venue.client("desk").scan(targets)]
    assert sorted(answers) == ["open", "open", "open", "refused", "refused"]
    venue.isp("left").set_blackhole(on=True)
    venue.isp("right").set_blackhole(on=True)
    assert {row["answer"] for row in venue.client("desk").scan(targets)} == {"silent"}
