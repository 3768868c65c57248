"""One guest against all: what one client can hold, use up and reach, on real packets."""

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from lbrouter.rehearsal.lab.packet_capture import packet_socket_in
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import TWO_LINES, config_of
from tests.kit.commands import require_success
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.packets import PACKET_PAYLOAD, counter_packets, mac_of, send_packet, was_received
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually
from tests.topology.firewall.guest_flood import (
    CROWD,
    answers_of,
    flood,
    held_connections,
    hosts,
    udp_frames,
)


@pytest.mark.parametrize("connections", [100, 2000])
def test_a_client_that_scans_is_held_at_its_bound_and_is_told(
    build_applied_venue: VenueBuilder, connections: int
) -> None:
    """By its hardware address: twenty addresses of one machine have one bound."""
    text = TWO_LINES.replace(
        'policy = "spread"\n', f'policy = "spread"\nconnections = {connections}\n', 1
    )
    venue = build_applied_venue(text)
    one_mac = [(bytes([2, 0, 0, 1, 0, 9]), address) for _, address in hosts(20)]
    before = held_connections(venue)
    flood(venue, udp_frames(venue, sources=one_mac, ports=range(20000, 20300), to=(CROWD, 5001)))
    assert eventually(lambda: counter_packets(venue, "crowded") > 0)
    assert held_connections(venue) - before <= connections * 1.25
    assert counter_packets(venue, "near_bound") > 0
    # Others work, those of the same VLAN too; and the one that is refused gets an answer.
    assert answers_of(venue, "stream") == [""] * 20
    assert answers_of(venue, "guests") == [""] * 20


def test_one_vlan_cannot_fill_the_table(build_applied_venue: VenueBuilder) -> None:
    """Hundreds of forged machines share one budget, and the stream's new connections all pass."""
    venue = build_applied_venue(
        TWO_LINES.replace('policy = "spread"\n', 'policy = "spread"\nbudget = "1%"\n', 1)
    )
    budget = 262_144 // 100
    before = held_connections(venue)
    flood(
        venue,
        udp_frames(venue, sources=hosts(100), ports=range(20000, 20100), to=(CROWD, 5001)),
    )
    assert eventually(lambda: counter_packets(venue, "crowded") > 0)
    assert budget * 0.7 < held_connections(venue) - before < budget * 1.3
    assert answers_of(venue, "stream") == [""] * 20


def test_one_vlan_uses_up_only_its_own_translated_ports(build_applied_venue: VenueBuilder) -> None:
    """25,000 flows to one service use up the guests' third of the ports, and no other port."""
    venue = build_applied_venue(TWO_LINES)
    port = 7
    frames = udp_frames(venue, sources=hosts(50), ports=range(20000, 20500), to=(CROWD, port))
    before = held_connections(venue)
    flood(venue, frames)
    assert 15_000 < held_connections(venue) - before < 22_500
    rows = venue.client("stream").open_flows(count=20)
    assert [row["error"] for row in rows if row["error"]] == []
    ports = {row["seen_port"] for row in rows if "seen_port" in row}
    assert all(1024 <= port < 1024 + 21_504 for port in ports)


def test_a_modems_page_is_open_to_those_who_manage(build_applied_venue: VenueBuilder) -> None:
    """And to a VLAN that says so, or has a rule that leads there."""
    venue = build_applied_venue(TWO_LINES)
    modem = "203.0.113.1"
    assert _pings(venue, "desk", modem)
    assert not _pings(venue, "guests", modem)
    text = TWO_LINES.replace('policy = "spread"\n', 'policy = "spread"\nmodems = true\n', 1)
    venue.write_config(config_of(text))
    require_success(venue.gateway.run_lbrouter("apply"))
    assert _pings(venue, "guests", modem)
    assert not _pings(venue, "stream", modem)


def test_a_rule_of_a_vlan_opens_what_it_leads_to(build_applied_venue: VenueBuilder) -> None:
    rule = '\n[[rules]]\nfrom = "guests"\nto = "203.0.113.1/32"\npolicy = "show"\n'
    venue = build_applied_venue(TWO_LINES.replace("\n[[rules]]", rule + "\n[[rules]]", 1))
    assert _pings(venue, "guests", "203.0.113.1")
    assert not _pings(venue, "guests", "198.51.100.1")


def _pings(venue: Venue, client: str, to: str) -> bool:
    argv = ["ping", "-c", "2", "-i", "0.2", "-W", "1", to]
    return venue.client(client).run(argv).returncode == 0


def test_the_gateways_other_addresses_are_not_there_for_a_guest(
    build_applied_venue: VenueBuilder,
) -> None:
    venue = build_applied_venue(TWO_LINES)
    assert _pings(venue, "guests", "10.10.40.1")
    for elsewhere in ("10.10.10.1", "203.0.113.2", "198.51.100.2"):
        assert not _pings(venue, "guests", elsewhere)
    asked = venue.client("guests").run(["arping", "-c", "2", "-w", "2", "-I", "eth0", "10.10.10.1"])
    assert asked.returncode != 0, asked.stdout


def test_nothing_comes_from_a_vlan_with_the_gateways_own_address(
    build_applied_venue: VenueBuilder,
) -> None:
    """IPv6: of IPv4 the kernel itself drops it. It would open the gateway's services outwards."""
    venue = build_applied_venue(TWO_LINES)
    before = counter_packets(venue, "spoofed")
    frame = Ether(dst=mac_of(venue.gateway, "lan1")) / IPv6(src="fd10:10::1", dst="2001:db8:99::9")
    send_packet(venue.client("stream"), "eth0", frame / UDP(sport=9, dport=53))
    assert eventually(lambda: counter_packets(venue, "spoofed") >= before + 3)
    listing = venue.gateway.check_output(["cat", "/proc/net/nf_conntrack"])
    assert "fd10:0010:0000:0000:0000:0000:0000:0001" not in listing


def test_without_a_ruleset_a_neighbour_reaches_no_client(
    build_applied_venue: VenueBuilder,
) -> None:
    """The routing rules refuse what comes by an uplink and was judged by no ruleset."""
    venue = build_applied_venue(TWO_LINES)
    frames = _neighbour_frames(venue)
    with GatewayDaemon(venue.gateway):
        for _ in range(5):
            assert not _reaches_client(venue, frames)
    assert not _reaches_client(venue, frames)
    # The control: without those rules the same packets arrive.
    for family in ("-4", "-6"):
        venue.gateway.check_output(["ip", family, "rule", "del", "pref", "10001"])
    assert _reaches_client(venue, frames)


def _reaches_client(venue: Venue, frames: list[bytes]) -> bool:
    """Whether packets of a neighbour on the line arrive, right after the ruleset was flushed."""
    inside = venue.capture(venue.client("stream"), "eth0")
    venue.gateway.check_output(["nft", "flush", "ruleset"])
    with packet_socket_in(venue.isp("fiber").namespace, "line") as wire:
        for _ in range(500):
            for frame in frames:
                wire.send(frame)
    return was_received(inside)


def _neighbour_frames(venue: Venue) -> list[bytes]:
    to = mac_of(venue.gateway, "wan1")
    client = venue.client("stream").layout
    four, six = str(client.ip_addresses(4)[0]), str(client.ip_addresses(6)[0])
    return [
        bytes(Ether(dst=to) / layer / PACKET_PAYLOAD)
        for layer in (
            IP(src="192.0.2.80", dst=four) / UDP(sport=53, dport=5000),
            IP(src="192.0.2.80", dst=four) / TCP(sport=80, dport=5000, flags="S"),
            IPv6(src="2001:db8:ffff::1", dst=six) / UDP(sport=53, dport=5000),
        )
    ]
