"""Balancing of real packets: shares, sticky clients, sources, marks; all measured from outside."""

from collections import Counter, defaultdict

import pytest
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import BALANCE_CONFIG, PER_FLOW_CONFIG
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

IDENTICAL_UPLINKS_CONFIG = BALANCE_CONFIG.replace("198.51.100", "203.0.113")
"""The same subnet, gateway and address on both lines (in IPv4)."""


@pytest.fixture(
    params=[BALANCE_CONFIG, PER_FLOW_CONFIG, IDENTICAL_UPLINKS_CONFIG],
    ids=["sticky", "per flow", "identical lines"],
)
def balanced_venue(request: pytest.FixtureRequest, build_applied_venue: VenueBuilder) -> Venue:
    """Twenty clients behind two lines."""
    return build_applied_venue(request.param, style=VenueOptions(addresses_per_client=20))


@pytest.mark.parametrize("version", [4, 6])
def test_two_thousand_flows_of_twenty_clients(balanced_venue: Venue, version: int) -> None:
    rows = balanced_venue.client("guests").open_flows(count=2000, version=version, concurrency=50)
    assert [row["error"] for row in rows if row["error"]] == []
    carried = Counter(balanced_venue.uplink_of(row["seen"]) for row in rows)
    assert carried.total() == 2000
    assert carried["fiber"] / 2000 == pytest.approx(0.70, abs=0.02)
    assert carried["lte"] / 2000 == pytest.approx(0.30, abs=0.02)
    assert {name: isp.stray_packets() for name, isp in balanced_venue.isps.items()} == {
        "fiber": 0,
        "lte": 0,
    }


def test_a_sticky_client_keeps_its_line(build_applied_venue: VenueBuilder) -> None:
    venue = build_applied_venue(BALANCE_CONFIG, style=VenueOptions(addresses_per_client=20))
    lines = defaultdict(set)
    for row in venue.client("guests").open_flows(count=200):
        lines[row["source"]].add(venue.uplink_of(row["seen"]))
    assert len(lines) == 20
    assert all(len(each) == 1 for each in lines.values())


def test_no_flow_changes_its_line_in_its_life(build_applied_venue: VenueBuilder) -> None:
    venue = build_applied_venue(PER_FLOW_CONFIG)
    client = venue.client("guests")
    held = client.hold_connections(count=40, interval_ms=20)
    oneway = client.send_udp(count=40, packets=20, echo=False, interval_ms=10, name="oneway")
    echoed = client.send_udp(count=40, packets=20, interval_ms=10, name="echoed")
    rows = held.stop()
    assert [row["error"] for row in rows if row["error"]] == []
    assert all(len(row["sources_seen"]) == 1 for row in echoed)
    sources = defaultdict(set)
    for row in venue.internet.log():
        sources[row["flow"]].add(row["source"])
    assert len([flow for flow in sources if flow.startswith("oneway")]) == len(oneway)
    assert {flow: each for flow, each in sources.items() if len(each) != 1} == {}


def test_a_syn_that_is_sent_again_takes_the_same_line(build_applied_venue: VenueBuilder) -> None:
    venue = build_applied_venue(PER_FLOW_CONFIG)
    # No server answers on this port: each SYN goes out again after a second, still a "new" flow.
    venue.internet.check_output(["nft", "add table inet deaf"])
    venue.internet.run_script(
        "nft 'add chain inet deaf in { type filter hook input priority 0; }'\n"
        "nft 'add rule inet deaf in tcp dport 4444 drop'\n"
    )
    wires = {name: venue.capture(isp, "line") for name, isp in venue.isps.items()}
    job = venue.client("guests").start_traffic("flows", count=30, concurrency=30, port=4444)
    seen = defaultdict(list)

    def resent() -> bool:
        seen.clear()
        for name, wire in wires.items():
            for _, frame in list(wire.frames):
                packet = Ether(frame)
                if TCP in packet and packet[TCP].dport == 4444:
                    seen[packet[TCP].sport].append(name)
        return len(seen) == 30 and all(len(each) >= 2 for each in seen.values())

    assert eventually(resent, within_s=5)
    job.result()
    for wire in wires.values():
        wire.stop()
    assert {port: set(each) for port, each in seen.items() if len(set(each)) > 1} == {}


def test_foreign_mark_bits_survive_on_packets_and_connections(
    build_applied_venue: VenueBuilder,
) -> None:
    venue = build_applied_venue(BALANCE_CONFIG)
    venue.gateway.check_output(["nft", "-f", "-"], stdin=FOREIGN_MARK_RULES)
    rows = venue.client("guests").open_flows(count=10)
    assert [row["error"] for row in rows if row["error"]] == []
    counted = venue.gateway.check_output(["nft", "list", "counters", "table", "inet", "neighbour"])
    packets = dict(zip(("changed", "kept"), _counter_packets(counted), strict=True))
    assert packets["kept"] > 0
    assert packets["changed"] == 0


FOREIGN_MARK_RULES = """
table inet neighbour {
	counter changed {
	}
	counter kept {
	}
	chain early {
		type filter hook prerouting priority -160; policy accept;
		iifname "lan1" meta mark set 0x50000abc
		iifname "lan1" ct mark & 0xf0ffffff == 0 ct mark set ct mark & 0x0f000000 | 0xa0000def
	}
	chain late {
		type filter hook postrouting priority -140; policy accept;
		# the kernel's own reports (MLD) carry lan1 as their device too, and leave by it
		oifname != { "wan1", "wan2" } accept
		iifname "lan1" meta mark & 0xf0ffffff != 0x50000abc counter name changed
		iifname "lan1" ct mark & 0xf0ffffff != 0xa0000def counter name changed
		iifname "lan1" meta mark & 0x0f000000 == 0 counter name changed
		iifname "lan1" counter name kept
	}
}
"""


def _counter_packets(listing: str) -> list[int]:
    words = listing.split()
    return [int(words[at + 1]) for at, word in enumerate(words) if word == "packets"]


def test_an_uplink_without_carrier_carries_nothing_and_comes_back(
    build_applied_venue: VenueBuilder,
) -> None:
    venue = build_applied_venue(BALANCE_CONFIG)
    venue.isp("fiber").set_carrier(up=False)
    require_success(venue.gateway.run_lbrouter("apply"))
    rows = venue.client("guests").open_flows(count=20)
    assert Counter(venue.uplink_of(row["seen"]) for row in rows) == {"lte": 20}
    venue.isp("lte").set_carrier(up=False)
    require_success(venue.gateway.run_lbrouter("apply"))
    guest = venue.client("guests")
    rows = guest.open_flows(count=40, concurrency=40, every=False)
    assert all(row["ms"] < 1000 for row in rows)
    rows += guest.send_udp(count=40, packets=1, every=False)
    assert Counter(row["error"] for row in rows) == {"unreachable": 80}
