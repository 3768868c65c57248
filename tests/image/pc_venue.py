"""The venue around an emulated PC: a cable bridge takes the place of the venue's gateway."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lbrouter.compile.config.parse import parse
from lbrouter.model.config import Config
from lbrouter.rehearsal import Venue, VenueOptions
from lbrouter.rehearsal.lab.packet_capture import PacketCapture
from lbrouter.rehearsal.lab.process import LabProcess
from tests.image.emulated_pc import CARD_MACS, EmulatedPc

CABLE_BRIDGE_SCRIPT = Path(__file__).with_name("cable_bridge.py")

VENUE_CONFIG_TEXT = b"""\
[gateway]
name = "world"
[uplinks.line1]
interface = "wire1"
address   = "dhcp"
[uplinks.line2]
interface = "wire2"
address   = "dhcp"
[lan]
trunk = "trunk"
[vlans.stream]
id      = 10
address = "10.10.10.1/24"
policy  = "show"
[vlans.desk]
id      = 99
address = "10.10.99.1/24"
policy  = "show"
[policies.show]
mode    = "failover"
uplinks = ["line1", "line2"]
"""
"""The lines and two of the VLANs that `lbrouter init` proposes; nothing of it is ever applied."""

VLAN_TAGS = {"stream": 10, "desk": 99}
CARD_COUNT = 3
"""line1, line2 and the trunk, in the order in which the PC names them."""


UNINVITED_PAYLOAD = b"knock-knock-from-outside"
UNINVITED_SENDER_SCRIPT = f"""
import select, socket, sys
to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(9000):
    try:
        to.sendto({UNINVITED_PAYLOAD!r}, (sys.argv[1], 5000))
    except OSError:
        pass
    select.select([sys.stdin], [], [], 0.1)[0] and sys.exit()
"""
"""Ten a second, 15 minutes at most."""

ECHO_REPLY_MATCH = (b"\x08\x00", 1, 0)
"""EtherType, IP protocol and ICMP type of an echo reply (RFC 792)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UninvitedPackets:
    """Captures of uninvited packets behind the computer, and in front of it."""

    inside: PacketCapture
    outside: PacketCapture

    def counts(self, *, since: float = 0.0) -> tuple[int, int]:
        """How many were inside and outside, from a moment of the monotonic clock on."""
        return count_packets(self.inside, since), count_packets(self.outside, since)


def count_packets(capture: PacketCapture, since: float) -> int:
    """The uninvited packets of a running capture."""
    return sum(
        moment >= since and UNINVITED_PAYLOAD in frame for moment, frame in tuple(capture.frames)
    )


def first_reply_delay_s(capture: PacketCapture, *, since: float) -> float | None:
    """Seconds from a moment to the first echo reply after it."""
    for moment, frame in tuple(capture.frames):
        if moment >= since and (frame[12:14], frame[23], frame[34]) == ECHO_REPLY_MATCH:
            return moment - since
    return None


def venue_config() -> Config:
    """The layout of the venue."""
    return parse(VENUE_CONFIG_TEXT, source="world").config


class PcVenue:
    """A venue with DHCP servers at its providers, wired to `computer` in place of a gateway."""

    def __init__(self, pc: EmulatedPc) -> None:
        self.pc = pc
        self.venue = Venue.build(
            venue_config(), options=VenueOptions(dhcp_server_uplinks=frozenset({"line1", "line2"}))
        )
        try:
            self.cable_bridge = self._connect_cables()
        except BaseException:
            self.venue.close()
            raise

    def assert_client_online(self) -> None:
        """A client of a tagged VLAN pings the internet, through the computer: all come back."""
        done = self.venue.client("stream").run(
            ["ping", "-c", "5", "-i", "0.2", "-W", "5", "1.1.1.1"]
        )
        assert " 0% packet loss" in done.stdout, done.stdout + done.stderr

    @contextmanager
    def uninvited_traffic(self) -> Iterator[UninvitedPackets]:
        """Datagrams from a provider to a client behind the computer, and where they are seen.

        The provider has a static neighbour entry for the computer: it sends even without an answer.
        """
        client, isp = self.venue.client("stream"), self.venue.isp("line1")
        wire = self.venue.layout.config.uplinks["line1"].interface
        via, to = str(isp.line.families[0].address.ip), str(client.layout.ip_addresses(4)[0])
        isp.check_output(["ip", "neigh", "replace", via, "lladdr", CARD_MACS[0], "dev", "line"])
        isp.check_output(["ip", "route", "replace", to, "via", via, "dev", "line"])
        flood = isp.start(["/usr/bin/python3", "-c", UNINVITED_SENDER_SCRIPT, to])
        try:
            with (
                self.venue.capture(client, "eth0") as inside,
                self.venue.capture(self.venue.gateway, wire) as outside,
            ):
                yield UninvitedPackets(inside=inside, outside=outside)
        finally:
            flood.close()
            isp.check_output(["ip", "neigh", "del", via, "dev", "line"])

    @contextmanager
    def client_pings(self) -> Iterator[PacketCapture]:
        """A client pings the internet twice a second, answered or not."""
        client = self.venue.client("stream")
        # With a deadline (-w) ping would end at the first "unreachable" that it receives.
        asking = client.start(["timeout", "900", "ping", "-q", "-i", "0.5", "1.1.1.1"])
        try:
            with self.venue.capture(client, "eth0") as inside:
                yield inside
        finally:
            asking.close()

    def close(self) -> None:
        """Remove the venue; the computer is not part of it."""
        self.venue.close()

    def _connect_cables(self) -> LabProcess:
        gateway, config = self.venue.gateway, self.venue.layout.config
        lines = [uplink.interface for uplink in config.uplinks.values()]
        ports = {VLAN_TAGS[name]: config.vlan_device(vlan) for name, vlan in config.vlans.items()}
        quiet = "for each in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 >$each; done\n"
        gateway.run_script(
            quiet + "".join(f"ip link set {name} up\n" for name in [*lines, *ports.values()])
        )
        self._disable_checksum_offload()
        cards = [{**self.pc.card_sockets(n), "tags": {0: name}} for n, name in enumerate(lines)]
        cards.append({**self.pc.card_sockets(len(lines)), "tags": ports})
        bridge = gateway.start(
            ["/usr/bin/python3", "-I", "-S", str(CABLE_BRIDGE_SCRIPT), json.dumps({"cards": cards})]
        )
        bridge.read_json()
        return bridge

    def _disable_checksum_offload(self) -> None:
        """The bridge needs frames with complete checksums: veth leaves them unfinished."""
        off = ["tx", "off", "tso", "off", "gso", "off"]
        for isp in self.venue.isps.values():
            isp.check_output(["ethtool", "-K", "line", *off])
        switch = self.venue.host("switch")
        for number in range(1, len(VLAN_TAGS) + 1):
            switch.check_output(["ethtool", "-K", f"port{number}", *off])
