"""A VLAN without a tag on the trunk's port: addresses, policy, isolation and its ceiling."""

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.venues import VenueBuilder

TEXT = """
[gateway]
name = "untagged"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
upload = "40mbit"
download = "40mbit"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
upload = "40mbit"
download = "40mbit"

[lan]
trunk = "vlan0"

[vlans.desk]
untagged = true
address = "10.10.99.1/24"
policy = "spread"
download = { ceiling = "8mbit" }

[vlans.guests]
port = "lan2"
address = "10.10.40.1/24"
policy = "spread"

[policies.spread]
mode = "balance"
weights = { fiber = 50, lte = 50 }
sticky = "0s"
"""


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    venue = build_venue(TEXT)
    venue.write_config(parse(TEXT.encode(), source="test").config)
    require_success(venue.gateway.run_lbrouter("apply"))
    return venue


def test_its_clients_are_served_as_any_vlans(venue: Venue) -> None:
    desk, guests = venue.client("desk"), venue.client("guests")
    assert [row["error"] for row in desk.open_flows(count=2)] == ["", ""]
    own = str(desk.layout.ip_addresses(4)[0])
    desk.start_server([own], tcp=[443], udp=[])
    [across] = guests.open_flows(count=1, to=own, port=443)
    assert across["error"] == "unreachable"
    done = venue.gateway.run_lbrouter("plan")
    assert done.returncode == 0, done.stdout


def test_its_ceiling_holds_over_both_lines(venue: Venue) -> None:
    """1.5 MB in each of four flows over two lines, at 8 Mbit/s: not under five seconds."""
    rows = venue.client("desk").open_flows(count=4, take=1_500_000, timeout_ms=60_000)
    assert [row["error"] for row in rows] == [""] * 4
    assert max(row["ms"] for row in rows) > 5_000
    guests = venue.client("guests").open_flows(count=4, take=1_500_000, timeout_ms=60_000)
    assert max(row["ms"] for row in guests) < 5_000
