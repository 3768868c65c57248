"""Packets made by hand: sent from a host of the venue, seen at another, counted by the ruleset."""

import json

from scapy.packet import Packet

from lbrouter.rehearsal.lab.host import Host
from lbrouter.rehearsal.lab.packet_capture import PacketCapture, packet_socket_in
from lbrouter.rehearsal.lab.venue import Venue

PACKET_PAYLOAD = b"a word that nothing else says"


def send_packet(host: Host, interface: str, packet: Packet) -> None:
    """`packet` three times, with the payload by which it is recognised."""
    with packet_socket_in(host.namespace, interface) as wire:
        for _ in range(3):
            wire.send(bytes(packet / PACKET_PAYLOAD))


def mac_of(host: Host, interface: str) -> str:
    text = host.check_output(["ip", "-json", "link", "show", "dev", interface])
    return str(json.loads(text)[0]["address"])


def counter_packets(venue: Venue, name: str) -> int:
    """What a named counter of the gateway's ruleset has counted."""
    listing = venue.gateway.check_output(["nft", "-j", "list", "counter", "inet", "lbrouter", name])
    return next(
        int(e["counter"]["packets"]) for e in json.loads(listing)["nftables"] if "counter" in e
    )


def was_received(capture: PacketCapture) -> bool:
    """Ends the capture: whether a packet of `send_packet` was in it."""
    return any(PACKET_PAYLOAD in frame for frame in capture.stop())
