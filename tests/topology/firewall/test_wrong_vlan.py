"""The gateway's addresses in other VLANs and on the uplinks answer nothing on the wrong VLAN."""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

from lbrouter.rehearsal.lab.packet_capture import packet_socket_in
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import TWO_LINES
from tests.kit.packets import mac_of
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

TEXT = TWO_LINES.replace(
    'address = "10.10.40.1/22"\n', 'address = "10.10.40.1/22"\naddress6 = "fd10:40::1/64"\n'
).replace('name = "two-lines"', 'name = "two-lines"\ndns = ["9.9.9.9"]')

CLIENT = "fd10:40::77"
BARE_NAME = b"\7printer\0\0\1\0\1"
"""A name without a dot: dnsmasq answers by itself, and repeats the question."""

QUESTION = b"\0\7\1\0\0\1\0\0\0\0\0\0" + BARE_NAME


@pytest.fixture
def venue(build_applied_venue: VenueBuilder) -> Venue:
    built = build_applied_venue(TEXT)
    client = built.client("guests")
    client.check_output(["ip", "-6", "address", "add", f"{CLIENT}/64", "dev", "eth0", "nodad"])
    return built


Answer = tuple[int, bytes]
"""Where in a frame what stands; an ICMP error would hold the question again, further behind."""


def _answers(venue: Venue, question: Packet, answer: Answer) -> bool:
    """Whether a frame with `answer` comes back to the client that sends `question`."""
    client = venue.client("guests")
    seen = venue.capture(client, "eth0")
    own = bytes.fromhex(mac_of(client, "eth0").replace(":", ""))
    with packet_socket_in(client.namespace, "eth0") as wire:
        for _ in range(3):
            wire.send(bytes(question))
        # The control behind them: what the gateway does answer has come, so the rest would have.
        control = ["ping", "-c", "1", "-W", "2", "10.10.40.1"]
        assert eventually(lambda: client.run(control).returncode == 0)
    at, expected = answer
    return any(frame[at:].startswith(expected) and frame[6:12] != own for frame in seen.stop())


def _arp(venue: Venue, target: str) -> tuple[Packet, Answer]:
    own = mac_of(venue.client("guests"), "eth0")
    gateway = mac_of(venue.gateway, "lan2")
    asked = ARP(pdst=target, psrc="10.10.40.77", hwsrc=own)
    answer = (20, bytes(ARP(op=2, psrc=target, hwsrc=gateway))[6:18])
    return Ether(dst="ff:ff:ff:ff:ff:ff", src=own) / asked, answer


def _solicitation(venue: Venue, target: str) -> tuple[Packet, Answer]:
    own = mac_of(venue.client("guests"), "eth0")
    frame = Ether(dst=mac_of(venue.gateway, "lan2"), src=own)
    asked = ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=own)
    return (
        frame / IPv6(src=CLIENT, dst=target, hlim=255) / asked,
        (62, bytes(ICMPv6ND_NA(tgt=target))[8:24]),
    )


def _multicast(venue: Venue, target: str) -> tuple[Packet, Answer]:
    own = mac_of(venue.client("guests"), "eth0")
    frame = Ether(dst="33:33:ff:00:00:01", src=own)
    asked = ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=own)
    return (
        frame / IPv6(src=CLIENT, dst="ff02::1:ff00:1", hlim=255) / asked,
        (62, bytes(ICMPv6ND_NA(tgt=target))[8:24]),
    )


def _dns(venue: Venue, target: str) -> tuple[Packet, Answer]:
    own, gateway = mac_of(venue.client("guests"), "eth0"), mac_of(venue.gateway, "lan2")
    ends = {"src": str(venue.client("guests").layout.ip_addresses(4)[0]), "dst": target}
    asked = IP(**ends) / UDP(sport=5353, dport=53) / QUESTION
    return Ether(dst=gateway, src=own) / asked, (54, BARE_NAME)


@pytest.mark.parametrize(
    "make, own, others",
    [
        (_arp, "10.10.40.1", ["10.10.10.1", "10.10.99.1", "203.0.113.2", "198.51.100.2"]),
        (_solicitation, "fd10:40::1", ["fd10:10::1", "2001:db8:1::2"]),
        (_multicast, "fd10:40::1", ["fd10:10::1"]),
        (_dns, "10.10.40.1", ["10.10.10.1", "203.0.113.2"]),
    ],
    ids=["arp", "nd", "nd-multicast", "dns"],
)
def test_other_addresses_of_the_gateway_are_silent_there(
    venue: Venue, make: object, own: str, others: list[str]
) -> None:
    assert callable(make)
    for target in others:
        assert not _answers(venue, *make(venue, target)), target
    assert _answers(venue, *make(venue, own))
