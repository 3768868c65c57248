"""The firewall on real packets: spoofed, unsolicited, too many; closed from the first moment on."""

import json

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from lbrouter.rehearsal.lab.packet_capture import packet_socket_in
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import TWO_LINES
from tests.kit.commands import require_success
from tests.kit.packets import PACKET_PAYLOAD, counter_packets, mac_of, send_packet, was_received
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually


@pytest.fixture
def venue(build_applied_venue: VenueBuilder) -> Venue:
    """Two lines, three VLANs, applied."""
    return build_applied_venue(TWO_LINES)


def _tcp(source: str, to: str) -> Packet:
    return IP(src=source, dst=to) / TCP(sport=40000, dport=443, flags="S")


@pytest.mark.parametrize(
    "source", ["10.10.40.7", "8.8.8.8", "127.0.0.1", "203.0.113.2", "10.10.10.255"]
)
def test_a_vlan_speaks_only_with_its_own_addresses(venue: Venue, source: str) -> None:
    client = venue.client("stream")
    wires = [venue.capture(isp, "line") for isp in venue.isps.values()]
    before = counter_packets(venue, "spoofed")
    to = mac_of(venue.gateway, "lan1")
    allowed = source.startswith("10.10.10.")
    send_packet(client, "eth0", Ether(dst=to) / _tcp(source, "192.0.2.80"))
    # The control: the same packet with the client's own address does pass.
    own = str(client.layout.ip_addresses(4)[0])
    control = venue.capture(venue.isp("fiber"), "line")
    send_packet(client, "eth0", Ether(dst=to) / _tcp(own, "192.0.2.80"))
    assert eventually(lambda: any(PACKET_PAYLOAD in frame for _, frame in list(control.frames)))
    control.stop()
    leaked = [PACKET_PAYLOAD in f and source.encode() in f for wire in wires for f in wire.stop()]
    assert not any(leaked)
    if not allowed and source not in {"127.0.0.1", "10.10.10.255"}:  # the kernel's own martians
        assert counter_packets(venue, "spoofed") >= before + 3


@pytest.mark.parametrize("source", ["10.10.10.9", "203.0.113.2", "169.254.1.1", "240.1.2.3"])
def test_no_inside_or_bogus_source_comes_in_by_an_uplink(venue: Venue, source: str) -> None:
    isp = venue.isp("fiber")
    inside = venue.capture(venue.client("stream"), "eth0")
    before = counter_packets(venue, "spoofed")
    to = mac_of(venue.gateway, "wan1")
    for port in (8443, 5000):
        packet = IP(src=source, dst="203.0.113.2") / TCP(sport=40000, dport=port, flags="S")
        send_packet(isp, "line", Ether(dst=to) / packet)
    assert eventually(lambda: counter_packets(venue, "spoofed") >= before + 3)
    assert not was_received(inside)


def test_nothing_uninvited_reaches_a_client(venue: Venue) -> None:
    """An ISP that knows our subnets routes straight at a client."""
    isp, client = venue.isp("fiber"), venue.client("stream")
    inside = venue.capture(client, "eth0")
    to = mac_of(venue.gateway, "wan1")
    before = counter_packets(venue, "uninvited")
    four, six = str(client.layout.ip_addresses(4)[0]), str(client.layout.ip_addresses(6)[0])
    packets = [
        IP(src="192.0.2.80", dst=four) / UDP(sport=53, dport=5000),
        IP(src="192.0.2.80", dst=four) / TCP(sport=80, dport=5000, flags="S"),
        IPv6(src="2001:db8:ffff::1", dst=six) / UDP(sport=53, dport=5000),
    ]
    for packet in packets:
        send_packet(isp, "line", Ether(dst=to) / packet)
    assert eventually(lambda: counter_packets(venue, "uninvited") >= before + 9)
    assert not was_received(inside)


@pytest.mark.parametrize("forwarding", [0, 1])
def test_an_apply_is_closed_from_its_first_step_on(
    build_venue: VenueBuilder, forwarding: int
) -> None:
    """While `apply` runs, an ISP sends at a client without a pause; nothing may arrive."""
    venue = build_venue(TWO_LINES)
    # 1: Docker or an administrator switched forwarding on long before.
    venue.gateway.check_output(["sysctl", "-w", f"net.ipv4.ip_forward={forwarding}"])
    client = venue.client("stream")
    inside = venue.capture(client, "eth0")
    to = mac_of(venue.gateway, "wan1")
    packet = IP(src="192.0.2.80", dst=str(client.layout.ip_addresses(4)[0])) / UDP(
        sport=53, dport=5000
    )
    frame = bytes(Ether(dst=to) / packet / PACKET_PAYLOAD)
    job = venue.gateway.start(venue.gateway.lbrouter_argv("apply"))
    sent = 0
    with packet_socket_in(venue.isp("fiber").namespace, "line") as wire:
        while job.process.poll() is None and sent < 500_000:
            wire.send(frame)
            sent += 1
    assert job.process.returncode == 0
    assert sent > 100
    assert not was_received(inside)
    assert counter_packets(venue, "uninvited") + counter_packets(venue, "guarded") > 0


def test_down_after_apply_leaves_others_as_they_were(build_venue: VenueBuilder) -> None:
    venue = build_venue(TWO_LINES)
    for name in ("wan1", "wan2", "lan1", "lan2", "lan3"):
        venue.gateway.check_output(["ip", "link", "set", name, "up"])
    venue.gateway.run_script(CONFLICTING_TABLES)
    assert eventually(lambda: _carriers_settled(venue))
    before = venue.gateway.snapshot()
    require_success(venue.gateway.run_lbrouter("apply"))
    assert venue.gateway.snapshot() != before
    rows = venue.client("guests").open_flows(count=5)
    assert [row["error"] for row in rows if row["error"]] == []
    require_success(venue.gateway.run_lbrouter("down"))
    assert venue.gateway.snapshot() == before


def _carriers_settled(venue: Venue) -> bool:
    """Whether every cable's carrier has been noticed, which the kernel does a moment later."""
    links = json.loads(venue.gateway.check_output(["ip", "-json", "link"]))
    cables = [link for link in links if link["ifname"].startswith(("wan", "lan"))]
    return all(link["operstate"] == "UP" for link in cables)


CONFLICTING_TABLES = """
nft add table ip docker
nft 'add chain ip docker FORWARD { type filter hook forward priority 0; policy accept; }'
nft add rule ip docker FORWARD counter
nft 'add chain ip docker POSTROUTING { type nat hook postrouting priority 100; }'
nft add rule ip docker POSTROUTING ip saddr 172.17.0.0/16 masquerade
ip link add docker0 type bridge
ip address add 172.17.0.1/16 dev docker0
ip link set docker0 up
ip rule add fwmark 0x80000/0xff0000 pref 5210 lookup 52
ip rule add from 172.17.0.0/16 pref 9000 lookup main
ip route add 192.168.77.0/24 via 172.17.0.2 dev docker0 table 52
ip -6 rule add from fd99::/64 pref 9000 lookup main
"""
