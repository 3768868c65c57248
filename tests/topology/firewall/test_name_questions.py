"""Questions for names: each may open a connection of the gateway's own, which no budget counts."""

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import config_of
from tests.kit.commands import require_success
from tests.kit.config_text import fiber, file_text, lte, vlan_text
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.packets import counter_packets
from tests.kit.programs import UPSTREAM_RESOLVER_ARGV
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

QUESTIONS = 5000
RESOLVER = "9.9.9.99"

ASKER = """
import socket, struct, sys
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.bind((sys.argv[1], 0))
for number in range(int(sys.argv[3])):
    name = b"".join(bytes([len(word)]) + word for word in (b"q%d" % number, b"stream", b"example"))
    head = struct.pack("!6H", number & 65535, 256, 1, 0, 0, 0)
    line.sendto(head + name + b"\\0\\0\\1\\0\\1", (sys.argv[2], 53))
"""

CONFIG = file_text(
    "questions",
    fiber(),
    lte(),
    vlan_text("crew", "lan1", "10.10.10.1/24", "show"),
    vlan_text("guests", "lan2", "10.10.40.1/24", "show"),
    '[policies.show]\nmode = "failover"\nuplinks = ["fiber", "lte"]\n',
).replace('"questions"', f'"questions"\ndns = ["{RESOLVER}"]')


def test_one_client_that_asks_without_end_opens_few_connections_of_the_gateway(
    build_venue: VenueBuilder,
) -> None:
    venue = build_venue(CONFIG.replace(RESOLVER, "9.9.9.9"))
    venue.write_config(config_of(CONFIG))
    venue.internet.check_output(["ip", "address", "add", f"{RESOLVER}/32", "dev", "lo"])
    venue.internet.start(UPSTREAM_RESOLVER_ARGV)
    guest = venue.client("guests")
    address = str(guest.layout.ip_addresses(4)[0])
    require_success(venue.gateway.run_lbrouter("apply"))
    with GatewayDaemon(venue.gateway):
        assert eventually(lambda: _resolves(venue, "crew", "10.10.10.1"), within_s=20)
        before = counter_packets(venue, "crowded")
        guest.check_output(["python3", "-c", ASKER, address, "10.10.40.1", str(QUESTIONS)])
        assert counter_packets(venue, "crowded") - before > QUESTIONS / 2
        assert _resolves(venue, "crew", "10.10.10.1")
        assert _own_questions(venue) < 600
        # Those that were answered are forgotten soon, not after half a minute.
        assert eventually(lambda: _own_questions(venue) < 60, within_s=13)


def _resolves(venue: Venue, client: str, server: str) -> bool:
    argv = ["busybox", "timeout", "2", "busybox", "nslookup", "-type=a", "stream.example", server]
    return "192.0.2.80" in venue.client(client).run(argv).stdout


def _own_questions(venue: Venue) -> int:
    """Connections of the gateway's own to resolvers."""
    listing = venue.gateway.check_output(["cat", "/proc/net/nf_conntrack"])
    return sum(
        f" dst={RESOLVER} " in line and " dport=53 " in line for line in listing.splitlines()
    )
