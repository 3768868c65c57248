"""A sticky client leaves a line that fails, whenever its packets are sent."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface
from pathlib import Path

from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether

from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.client_macs import client_mac_ruleset
from lbrouter.rehearsal.lab.layout import INTERNET_SERVERS
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.config_text import FAST_HEALTH
from tests.kit.configs import BALANCE_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually
from tests.topology.balancing import new_flow_sender

ROUNDS = 5
"""A client stayed on the dead line in every second run while its set was only emptied."""

SENDER_LIMIT_S = 60


@contextmanager
def new_flow_senders(venue: Venue) -> Iterator[None]:
    """Thousands of new flows a second, from 900 guests."""
    script = [
        sys.executable,
        str(Path(new_flow_sender.__file__)),
        str(SENDER_LIMIT_S),
        str(INTERNET_SERVERS[0]),
    ]
    first, count = new_flow_sender.FIRST_CLIENT, new_flow_sender.CLIENT_COUNT
    addresses = [IPv4Interface(number) for number in range(first, first + count)]
    macs = "\n".join(client_mac_ruleset(addresses, segment=2))
    venue.client("guests").check_output(["nft", "-f", "-"], stdin=macs)
    argv = process_netns.exec_argv(venue.client("guests").namespace, script)
    with subprocess.Popen(argv) as process:
        try:
            yield
        finally:
            process.kill()


def new_flow_frames(venue: Venue, uplink: str, *, frames: int) -> int:
    """How many of the next frames leave by `uplink`, after a frame has left by the other line."""
    with (
        venue.capture(venue.isp(uplink), "line") as capture,
        venue.capture(venue.isp("lte"), "line") as there,
    ):
        assert eventually(lambda: len(there.frames) > frames)
        return sum(is_sender_frame(frame) for frame in capture.stop())


def is_sender_frame(frame: bytes) -> bool:
    packet = Ether(frame)
    return UDP in packet and packet[UDP].dport == new_flow_sender.DISCARD_PORT


def test_no_guest_stays_on_a_line_that_is_drained(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAST_HEALTH + BALANCE_CONFIG)
    # All go to one port of one host, which leaves 64,000 of them room behind one address.
    venue.gateway.check_output(["sysctl", "-q", "-w", "net.netfilter.nf_conntrack_udp_timeout=1"])
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        with new_flow_senders(venue):
            assert eventually(lambda: new_flow_frames(venue, "fiber", frames=1000) > 0)
            for _ in range(ROUNDS):
                require_success(venue.gateway.run_lbrouter("uplink", "drain", "fiber"))
                assert eventually(lambda: daemon.state("fiber") == "drained")
                assert new_flow_frames(venue, "fiber", frames=3000) == 0
                require_success(venue.gateway.run_lbrouter("uplink", "restore", "fiber"))
                # As if their ten minutes were over: they would stay where they are now.
                venue.gateway.check_output(
                    ["nft", "flush", "set", "inet", "lbrouter", "sticky_mac_spread_2_ip"]
                )
                assert eventually(lambda: new_flow_frames(venue, "fiber", frames=300) > 0)
