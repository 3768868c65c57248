"""The firewall on real packets: spoofed, uninvited, too many; closed from the first moment on."""

import json

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from lbrouter.rehearsal.lab.hosts import Host
from lbrouter.rehearsal.lab.packet_capture import Capture, socket_inside
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import TWO_LINES
from tests.topology.conftest import VenueOf, eventually, succeeded

MARK = b"a word that nobody else says"


@pytest.fixture
def venue(applied: VenueOf) -> Venue:
    """Two lines, three VLANs, applied."""
    return applied(TWO_LINES)


def _send(host: Host, interface: str, packet: Packet) -> None:
    with socket_inside(host.namespace, interface) as wire:
        for _ in range(3):
            wire.send(bytes(packet / MARK))


def _mac(host: Host, interface: str) -> str:
    text = host.check(["ip", "-json", "link", "show", "dev", interface])
    return str(json.loads(text)[0]["address"])


def _counter(venue: Venue, name: str) -> int:
    listing = venue.gateway.check(["nft", "-j", "list", "counter", "inet", "lbrouter", name])
    return next(
        int(e["counter"]["packets"]) for e in json.loads(listing)["nftables"] if "counter" in e
    )


def _heard(capture: Capture) -> bool:
    return any(MARK in frame for frame in capture.stop())


def _tcp(source: str, to: str) -> Packet:
    return IP(src=source, dst=to) / TCP(sport=40000, dport=443, flags="S")


@pytest.mark.parametrize(
    "source", ["10.10.40.7", "8.8.8.8", "127.0.0.1", "203.0.113.2", "10.10.10.255"]
)
def test_a_vlan_speaks_only_with_its_own_addresses(venue: Venue, source: str) -> None:
    client = venue.client("stream")
    wires = [venue.capture(isp, "line") for isp in venue.isps.values()]
    before = _counter(venue, "spoofed")
    to = _mac(venue.gateway, "lan1")
    allowed = source.startswith("10.10.10.")
    _send(client, "eth0", Ether(dst=to) / _tcp(source, "192.0.2.80"))
    # The control: the same packet with the client's own address does pass.
    own = str(client.seat.of(4)[0])
    control = venue.capture(venue.isp("fiber"), "line")
    _send(client, "eth0", Ether(dst=to) / _tcp(own, "192.0.2.80"))
    assert eventually(lambda: any(MARK in frame for _, frame in list(control.frames)))
    control.stop()
    leaked = [MARK in f and source.encode() in f for wire in wires for f in wire.stop()]
    assert not any(leaked)
    if not allowed and source not in {"127.0.0.1", "10.10.10.255"}:  # the kernel's own martians
        assert _counter(venue, "spoofed") >= before + 3


@pytest.mark.parametrize("source", ["10.10.10.9", "203.0.113.2", "169.254.1.1", "240.1.2.3"])
def test_no_inside_or_bogus_source_comes_in_by_an_uplink(venue: Venue, source: str) -> None:
    isp = venue.isp("fiber")
    inside = venue.capture(venue.client("stream"), "eth0")
    before = _counter(venue, "spoofed")
    to = _mac(venue.gateway, "wan1")
    for port in (8443, 5000):
        packet = IP(src=source, dst="203.0.113.2") / TCP(sport=40000, dport=port, flags="S")
        _send(isp, "line", Ether(dst=to) / packet)
    assert eventually(lambda: _counter(venue, "spoofed") >= before + 3)
    assert not _heard(inside)


def test_nothing_uninvited_reaches_a_client(venue: Venue) -> None:
    """An ISP that knows our subnets routes straight at a client."""
    isp, client = venue.isp("fiber"), venue.client("stream")
    inside = venue.capture(client, "eth0")
    to = _mac(venue.gateway, "wan1")
    before = _counter(venue, "uninvited")
    four, six = str(client.seat.of(4)[0]), str(client.seat.of(6)[0])
    packets = [
        IP(src="192.0.2.80", dst=four) / UDP(sport=53, dport=5000),
        IP(src="192.0.2.80", dst=four) / TCP(sport=80, dport=5000, flags="S"),
        IPv6(src="2001:db8:ffff::1", dst=six) / UDP(sport=53, dport=5000),
    ]
    for packet in packets:
        _send(isp, "line", Ether(dst=to) / packet)
    assert eventually(lambda: _counter(venue, "uninvited") >= before + 9)
    assert not _heard(inside)


def test_a_client_that_scans_is_held_at_its_limit_and_others_work(venue: Venue) -> None:
    scanner, other = venue.client("guests"), venue.client("stream")
    to = _mac(venue.gateway, "lan2")
    source = str(scanner.seat.of(4)[0])
    frames = [
        bytes(Ether(dst=to) / IP(src=source, dst="192.0.2.80") / UDP(sport=sport, dport=port))
        for port in (5001, 5002)
        for sport in range(20000, 23000)
    ]
    with socket_inside(scanner.namespace, "eth0") as wire:
        for frame in frames:
            wire.send(frame)
    assert eventually(lambda: _counter(venue, "crowded") > 0)
    held = int(venue.gateway.check(["sysctl", "-n", "net.netfilter.nf_conntrack_count"]))
    assert held < 4096 + 200
    rows = other.flows(count=20)
    assert [row["error"] for row in rows if row["error"]] == []


@pytest.mark.parametrize("forwarding", [0, 1])
def test_an_apply_is_closed_from_its_first_step_on(venue_of: VenueOf, forwarding: int) -> None:
    """While `apply` runs, an ISP sends at a client without a pause; nothing may arrive."""
    venue = venue_of(TWO_LINES)
    # 1: Docker or an administrator switched forwarding on long before.
    venue.gateway.check(["sysctl", "-w", f"net.ipv4.ip_forward={forwarding}"])
    client = venue.client("stream")
    inside = venue.capture(client, "eth0")
    to = _mac(venue.gateway, "wan1")
    packet = IP(src="192.0.2.80", dst=str(client.seat.of(4)[0])) / UDP(sport=53, dport=5000)
    frame = bytes(Ether(dst=to) / packet / MARK)
    job = venue.gateway.start(venue.gateway.lbrouter_argv("apply"))
    sent = 0
    with socket_inside(venue.isp("fiber").namespace, "line") as wire:
        while job.process.poll() is None and sent < 500_000:
            wire.send(frame)
            sent += 1
    assert job.process.returncode == 0
    assert sent > 100
    assert not _heard(inside)
    assert _counter(venue, "uninvited") + _counter(venue, "guarded") > 0


def test_down_after_apply_leaves_others_as_they_were(venue_of: VenueOf) -> None:
    venue = venue_of(TWO_LINES)
    for name in ("wan1", "wan2", "lan1", "lan2", "lan3"):
        venue.gateway.check(["ip", "link", "set", name, "up"])
    venue.gateway.script(NEIGHBOURS)
    assert eventually(lambda: _settled(venue))
    before = venue.gateway.snapshot()
    succeeded(venue.gateway.lbrouter("apply"))
    assert venue.gateway.snapshot() != before
    rows = venue.client("guests").flows(count=5)
    assert [row["error"] for row in rows if row["error"]] == []
    succeeded(venue.gateway.lbrouter("down"))
    assert venue.gateway.snapshot() == before


def _settled(venue: Venue) -> bool:
    """Whether every cable's carrier has been noticed, which the kernel does a moment later."""
    links = json.loads(venue.gateway.check(["ip", "-json", "link"]))
    cables = [link for link in links if link["ifname"].startswith(("wan", "lan"))]
    return all(link["operstate"] == "UP" for link in cables)


NEIGHBOURS = """
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
