"""`apply` under traffic: nothing lost, nothing broken, and nothing written the second time."""

import re
from pathlib import Path

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import BALANCE_CONFIG
from tests.kit.venues import VenueBuilder

CHANGED_CONFIG = (
    BALANCE_CONFIG.replace("fiber = 70, lte = 30", "fiber = 50, lte = 50").replace(
        "[vlans.guests]",
        '[vlans.crew]\nport = "lan2"\naddress = "10.10.50.1/24"\n'
        'policy = "spread"\n\n[vlans.guests]',
    )
    + """
[policies.show]
mode = "failover"
uplinks = ["lte", "fiber"]

[[rules]]
from = "guests"
protocol = "tcp"
ports = [1935]
policy = "show"

[[forwards]]
uplink = "any"
protocol = "tcp"
port = 8443
to = "10.10.40.20:443"
"""
)

STRACE_DETACH = ("-b", "execve")
"""Of lbrouter's threads but not of programs that it starts: dnsmasq stays when it is done."""

NETLINK_WRITES = re.compile(
    r"RTM_(NEW|DEL|SET)(ADDR|LINK|ROUTE|RULE|QDISC|TCLASS|TFILTER)|NFNL_MSG_BATCH"
)


@pytest.fixture
def venue(build_applied_venue: VenueBuilder) -> Venue:
    """Two lines, with traffic of the guests."""
    return build_applied_venue(BALANCE_CONFIG)


def test_a_changed_file_under_traffic_loses_nothing(venue: Venue) -> None:
    client = venue.client("guests")
    held = client.hold_connections(count=200, interval_ms=100)
    ping = client.start_ping(interval_ms=10)
    for text in (CHANGED_CONFIG, BALANCE_CONFIG, CHANGED_CONFIG):
        venue.write_config(parse(text.encode(), source="changed").config)
        assert "applied" in require_success(venue.gateway.run_lbrouter("apply"))
    rows, [pinged] = held.stop(), ping.stop()
    assert len(rows) == 200
    assert [row["error"] for row in rows if row["error"]] == []
    assert pinged["sent"] > 50
    assert pinged["lost"] == []


def _apply_under_strace(venue: Venue, trace: Path) -> str:
    """Output of `apply`; all that it sends to the kernel is written to `trace`."""
    watch = [
        "strace",
        "-f",
        "-v",
        "-s4096",
        "-etrace=sendto,sendmsg",
        *STRACE_DETACH,
        "-o",
        str(trace),
    ]
    return require_success(venue.gateway.run([*watch, *venue.gateway.lbrouter_argv("apply")]))


def test_a_second_apply_writes_nothing(venue: Venue, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert _apply_under_strace(venue, trace).strip() == "nothing to change"
    sent = trace.read_text()
    assert "RTM_GETROUTE" in sent  # strace does see what lbrouter sends
    assert [line for line in sent.splitlines() if NETLINK_WRITES.search(line)] == []


def test_the_first_apply_writes(build_venue: VenueBuilder, tmp_path: Path) -> None:
    """The control of the test above: the same count finds the writes of a first apply."""
    trace = tmp_path / "trace"
    _apply_under_strace(build_venue(BALANCE_CONFIG), trace)
    found = {match[0] for match in NETLINK_WRITES.finditer(trace.read_text())}
    assert {"RTM_NEWROUTE", "RTM_NEWRULE", "RTM_NEWADDR"} <= found
