"""Rules for one host, for a range of ports and for a name, on real packets."""

import json
from pathlib import Path

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.programs import RESOLVER, UPSTREAM_RESOLVER_ARGV
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

TEXT = f"""
[gateway]
name = "rules"
dns = ["{RESOLVER}"]

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "by-fiber"

[policies.by-fiber]
mode = "failover"
uplinks = ["fiber"]

[policies.by-lte]
mode = "failover"
uplinks = ["lte"]

[[rules]]
from = "stream"
source = "10.10.10.254"
policy = "by-lte"

[[rules]]
protocol = "tcp"
ports = [7001, "9000-9010"]
policy = "by-lte"

[[rules]]
to = ["stream.example", "203.0.113.200/32"]
policy = "by-lte"
"""


@pytest.fixture
def venue(build_venue: VenueBuilder, tmp_path: Path) -> Venue:
    """Two policies of one line each, and a resolver in the internet."""
    venue = build_venue(TEXT.replace(RESOLVER, "9.9.9.9"))
    venue.write_config(parse(TEXT.encode(), source="test").config)
    for address in (RESOLVER, "192.0.2.80"):
        venue.internet.check_output(["ip", "address", "add", f"{address}/32", "dev", "lo"])
    venue.internet.start([*UPSTREAM_RESOLVER_ARGV, f"--log-facility={tmp_path / 'queries'}"])
    assert eventually(lambda: f"{RESOLVER}:53" in venue.internet.check_output(["ss", "-lnu"]))
    venue.internet.start_server(["192.0.2.80"], tcp=[7001, 8999, 9000, 9010, 9011], udp=[])
    require_success(venue.gateway.run_lbrouter("apply"))
    return venue


def _uplink(venue: Venue, source: str, port: int = 8999) -> str | None:
    client = venue.client("stream")
    client.run(["ip", "address", "add", f"{source}/24", "dev", "eth0"])
    [row] = client.open_flows(count=1, to="192.0.2.80", port=port, sources=[source])
    return row["error"] or venue.uplink_of(row["seen"])


def test_one_host_takes_another_policy_than_its_vlan(venue: Venue) -> None:
    seen = {source: _uplink(venue, source) for source in ("10.10.10.254", "10.10.10.77")}
    assert seen == {"10.10.10.254": "lte", "10.10.10.77": "fiber"}


def test_a_range_of_ports_has_both_its_ends(venue: Venue) -> None:
    seen = {port: _uplink(venue, "10.10.10.77", port) for port in (7001, 8999, 9000, 9010, 9011)}
    assert seen == {7001: "lte", 8999: "fiber", 9000: "lte", 9010: "lte", 9011: "fiber"}


def test_a_name_leads_there_from_the_first_answer_on(venue: Venue) -> None:
    """The address is known before the client is told; a reload forgets nothing, nor is it drift."""
    client = venue.client("stream")
    before = _uplink(venue, "10.10.10.77")
    asked = ["busybox", "nslookup", "-type=a", "live.stream.example", "10.10.10.1"]
    assert "192.0.2.80" in client.run(asked).stdout
    assert (before, _uplink(venue, "10.10.10.77")) == ("fiber", "lte")
    words = ("explain", "stream", "192.0.2.80", "--json")
    answer = json.loads(require_success(venue.gateway.run_lbrouter(*words)))
    assert (answer["rule"], answer["policy"]) == (2, "by-lte")
    assert venue.gateway.run_lbrouter("plan").returncode == 0
    changed = TEXT.replace('"203.0.113.200/32"', '"203.0.113.201/32"')
    venue.write_config(parse(changed.encode(), source="test").config)
    require_success(venue.gateway.run_lbrouter("apply"))
    assert _uplink(venue, "10.10.10.77") == "lte"
