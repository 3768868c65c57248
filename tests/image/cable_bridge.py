"""The bridge between an emulated machine's network cards and a venue's namespaces.

Runs by its path inside the namespace that has the other ends, on the standard library alone:
`cable_bridge.py REQUEST`. REQUEST is JSON: {"cards": [{"card", "mine", "tags": {TAG: INTERFACE}}]}.
`card` is the unix datagram socket at which QEMU takes frames, `mine` the one to which it sends. Tag
0 is untagged; any other makes the card a trunk, and the bridge the switch at its end: 802.1Q tags
come off towards the interface and go on towards the card, so that the host's kernel needs to know
nothing of them. Says `true` when it is ready, and ends with its standard input.
"""

import json
import os
import select
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

ETH_P_ALL = 3
PACKET_OUTGOING = 4
"""PACKET_OUTGOING (linux/if_packet.h): our own frames come back to us, marked so."""

VLAN_ETHERTYPE = b"\x81\x00"
MAX_FRAME_BYTES = 65_535
MAX_FRAMES_PER_POLL = 64


class BridgedCard:
    """One network card of the machine, and the interfaces that it is wired to."""

    def __init__(self, request: dict[str, object]) -> None:
        self.qemu_socket_path = str(request["card"])
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with suppress(FileNotFoundError):
            Path(str(request["mine"])).unlink()
        self.socket.bind(str(request["mine"]))
        tags = request["tags"]
        assert isinstance(tags, dict)
        self.socket_by_tag = {int(tag): _open_packet_socket(name) for tag, name in tags.items()}
        self.tag_by_fd = {each.fileno(): tag for tag, each in self.socket_by_tag.items()}

    def forward_from_card(self) -> None:
        """Frames of the machine: to the interface of their tag, without it."""
        for _ in range(MAX_FRAMES_PER_POLL):
            try:
                frame = self.socket.recv(MAX_FRAME_BYTES)
            except BlockingIOError:
                return
            tag = 0
            if frame[12:14] == VLAN_ETHERTYPE:
                tag = struct.unpack_from("!H", frame, 14)[0] & 0xFFF
                frame = frame[:12] + frame[16:]
            if tag in self.socket_by_tag:
                with suppress(OSError):
                    self.socket_by_tag[tag].send(frame)

    def forward_from_interface(self, file: int) -> None:
        """Frames of the venue: to the machine, with the tag of their interface."""
        tag = self.tag_by_fd[file]
        for _ in range(MAX_FRAMES_PER_POLL):
            try:
                frame, sender = self.socket_by_tag[tag].recvfrom(MAX_FRAME_BYTES)
            except OSError:  # nothing more, or the cable was pulled
                return
            if sender[2] == PACKET_OUTGOING:
                continue
            if tag:
                frame = frame[:12] + VLAN_ETHERTYPE + struct.pack("!H", tag) + frame[12:]
            with suppress(OSError):  # the machine is off, or restarts
                self.socket.sendto(frame, self.qemu_socket_path)


def _open_packet_socket(name: str) -> socket.socket:
    """All frames of an interface, whatever their destination."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    opened.bind((name, ETH_P_ALL))
    # struct packet_mreq: index, PACKET_MR_PROMISC, no address
    member = struct.pack("iHH8s", socket.if_nametoindex(name), 1, 0, b"")
    opened.setsockopt(263, 1, member)  # SOL_PACKET, PACKET_ADD_MEMBERSHIP
    return opened


def main() -> None:
    """Until standard input ends."""
    cards = [BridgedCard(each) for each in json.loads(sys.argv[1])["cards"]]
    by_file = {file: card for card in cards for file in card.tag_by_fd}
    by_card = {card.socket.fileno(): card for card in cards}
    print("true", flush=True)
    while True:
        ready, _, _ = select.select([*by_file, *by_card, sys.stdin.fileno()], [], [])
        for file in ready:
            if file in by_card:
                by_card[file].forward_from_card()
            elif file in by_file:
                by_file[file].forward_from_interface(file)
            elif not os.read(file, 4096):
                return


if __name__ == "__main__":
    main()
