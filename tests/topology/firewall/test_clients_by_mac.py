"""A client is a hardware address: what one machine, or one port, cannot take by many addresses."""

import json
import socket
import struct
from collections.abc import Iterator

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.config_text import FIBER_IPV6, LTE_IPV6, fiber, file_text, lte, vlan_text
from tests.kit.packets import mac_of
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually
from tests.topology.firewall.guest_flood import flood, udp_frames

ADMITTED = 8192
CROWD6 = "2001:db8:99::80"
CONFIG = file_text(
    "machines",
    fiber(FIBER_IPV6),
    lte(LTE_IPV6),
    vlan_text("crew", "lan1", "10.10.10.1/24", "spread"),
    vlan_text("guests", "lan2", "10.10.40.1/22", "spread", 'address6 = "fd10:40::1/64"'),
    '[policies.spread]\nmode = "balance"\nuplinks = ["fiber", "lte"]\n',
    health="",
)


def test_one_machine_with_thousands_of_addresses_is_remembered_once(
    build_applied_venue: VenueBuilder,
) -> None:
    """Made-up IPv6 addresses without end (RFC 8981) filled the sets before: nobody was sticky."""
    venue = build_applied_venue(CONFIG)
    flood(venue, _udp6_frames(venue, count=3000))
    assert eventually(lambda: _remembered(venue, 6) == 1)
    assert len(_elements(venue, "clients_admitted")) == 1


def test_one_port_fills_the_share_of_its_own_vlan_alone(build_applied_venue: VenueBuilder) -> None:
    """9,600 made-up hardware addresses: clients of another VLAN are still remembered."""
    venue = build_applied_venue(CONFIG)
    for turn in range(64):
        machines = [
            (bytes([2, 0, 0, 7, turn, n]), f"10.10.40.{50 + n}")  # each flow is a new one
            for n in range(150)
        ]
        ports = range(20000 + turn, 20001 + turn)
        flood(venue, udp_frames(venue, sources=machines, ports=ports, to=("192.0.2.80", 5)))
    assert len(_elements(venue, "clients_of_guests")) == ADMITTED
    assert _remembered(venue, 4) == ADMITTED
    crew = venue.client("crew")
    rows = crew.open_flows(count=12)
    assert [row["error"] for row in rows if row["error"]] == []
    assert len({row["seen"] for row in rows}) == 1
    assert mac_of(crew, "eth0") in _macs(venue, 4)


def _udp6_frames(venue: Venue, *, count: int) -> Iterator[bytes]:
    """A datagram of one machine from each of `count` addresses."""
    guest = venue.client("guests")
    macs = bytes.fromhex((mac_of(venue.gateway, "lan2") + mac_of(guest, "eth0")).replace(":", ""))
    prefix = socket.inet_pton(socket.AF_INET6, "fd10:40::")[:8]
    to = socket.inet_pton(socket.AF_INET6, CROWD6)
    for number in range(count):
        source = prefix + struct.pack("!HIH", 1, number, 7)
        udp = struct.pack("!4H", 1000, 5, 8, 0)
        words = struct.unpack("!22H", source + to + struct.pack("!II", 8, 17)[:8] + udp[:4])
        total = sum(words) + 8
        total = (total & 0xFFFF) + (total >> 16)
        checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        header = struct.pack("!IHBB", 6 << 28, 8, 17, 64)
        yield macs + b"\x86\xdd" + header + source + to + udp[:6] + struct.pack("!H", checksum)


def _remembered(venue: Venue, version: int) -> int:
    return len(_macs(venue, version))


def _macs(venue: Venue, version: int) -> list[str]:
    family = "ip" if version == 4 else "ip6"
    return [
        mac for number in (1, 2) for mac in _elements(venue, f"sticky_mac_spread_{number}_{family}")
    ]


def _elements(venue: Venue, name: str) -> list[str]:
    argv = ["nft", "-j", "list", "set", "inet", "lbrouter", name]
    listed = json.loads(venue.gateway.check_output(argv))["nftables"]
    [body] = [entry["set"] for entry in listed if "set" in entry]
    return [element["elem"]["val"] for element in body.get("elem", ())]
