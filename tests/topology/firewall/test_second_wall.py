"""The second wall at full size: 10,000 packets of each family while there is no ruleset.

Neighbours on both uplinks send to a client, UDP and TCP, right after somebody took the ruleset
away, with the daemon alive (which puts it back), killed, and stopped in order.
"""

from collections.abc import Callable

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from lbrouter.rehearsal.lab.packet_capture import packet_socket_in
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import TWO_LINES
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.packets import PACKET_PAYLOAD, mac_of
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

PACKETS_OF_A_FAMILY = 10_000
ROUNDS = 20
"""The ruleset is taken away again for each: a living daemon has it back in less than a second."""

LINES = {"fiber": "wan1", "lte": "wan2"}
REMOVALS = ("nft flush ruleset", "nft delete table inet lbrouter")
CONTROL_SHARE = 0.9
"""Of the packets, without the rules: a receiver that is busy may lose some of a burst."""


def frames_of(venue: Venue, wan: str) -> list[bytes]:
    """One frame of UDP and one of TCP in each family, from an address that no file names."""
    to = mac_of(venue.gateway, wan)
    client = venue.client("stream").layout
    four, six = str(client.ip_addresses(4)[0]), str(client.ip_addresses(6)[0])
    layers = (
        IP(src="192.0.2.80", dst=four) / UDP(sport=53, dport=5000),
        IP(src="192.0.2.80", dst=four) / TCP(sport=80, dport=5000, flags="S"),
        IPv6(src="2001:db8:ffff::1", dst=six) / UDP(sport=53, dport=5000),
        IPv6(src="2001:db8:ffff::1", dst=six) / TCP(sport=80, dport=5000, flags="S"),
    )
    return [bytes(Ether(dst=to) / layer / PACKET_PAYLOAD) for layer in layers]


def arrived(venue: Venue, remove: Callable[[], object]) -> int:
    """How many of 10,000 packets of each family reach the client."""
    inside = venue.capture(venue.client("stream"), "eth0")
    frames = {name: frames_of(venue, wan) for name, wan in LINES.items()}
    repeats = PACKETS_OF_A_FAMILY // (ROUNDS * len(LINES) * 2)
    for _ in range(ROUNDS):
        remove()
        for name in LINES:
            with packet_socket_in(venue.isp(name).namespace, "line") as wire:
                for frame in frames[name] * repeats:
                    wire.send(frame)
    return sum(PACKET_PAYLOAD in frame for frame in inside.stop())


@pytest.mark.parametrize("removal", REMOVALS)
def test_no_packet_of_a_neighbour_reaches_a_client(build_venue: VenueBuilder, removal: str) -> None:
    venue = build_venue(TWO_LINES)

    def remove() -> None:
        venue.gateway.run(removal.split())  # the table may not be back yet

    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.status()["kernel"]["verified"], within_s=20)
        assert arrived(venue, remove) == 0, "the daemon lives"
        daemon.kill()
        assert arrived(venue, remove) == 0, "the daemon was killed"
        daemon.start()
        assert eventually(daemon.is_serving, within_s=30)
        assert eventually(lambda: daemon.status()["kernel"]["verified"], within_s=20)
    assert arrived(venue, remove) == 0, "the daemon was stopped"
    # The control: without those rules the same packets arrive.
    for family in ("-4", "-6"):
        for priority in ("10001", "10002"):
            venue.gateway.check_output(["ip", family, "rule", "del", "pref", priority])
    assert arrived(venue, remove) > CONTROL_SHARE * 2 * PACKETS_OF_A_FAMILY
