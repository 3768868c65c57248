"""mDNS between VLANs: who is in a group hears its announcements, and no other VLAN does."""

import sys
from pathlib import Path

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.hosts import ClientHost
from lbrouter.rehearsal.lab.venue import Venue
from lbrouter.services.mdns_reflector import MdnsReflectors
from tests.kit.commands import require_success
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

VLANS = "".join(
    f"""
[vlans.{name}]
port = "lan{number}"
address = "10.10.{number}.1/24"
policy = "show"
"""
    for number, name in enumerate(("crew", "playback", "guests"), 1)
)
TEXT = f"""
[gateway]
name = "mdns"
mdns = [["crew", "playback"]]

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
{VLANS}
[policies.show]
mode = "failover"
uplinks = ["fiber"]
"""

LISTENER = """
import socket, sys
heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
heard.bind(("", 5353))
group = socket.inet_aton("224.0.0.251") + socket.inet_aton(sys.argv[1])
heard.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
log = open(sys.argv[2], "w", buffering=1)
print("true", flush=True)
while True:
    data, sender = heard.recvfrom(9000)
    if b"_airplay" in data:
        log.write(sender[0] + "\\n")
"""

ASK = """
import socket, sys
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.bind((sys.argv[1], 5353))
asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1]))
question = b"\\x08_airplay\\x04_tcp\\x05local\\x00\\x00\\x0c\\x00\\x01"
asking.sendto(b"\\0\\0\\0\\0\\0\\x01\\0\\0\\0\\0\\0\\0" + question, ("224.0.0.251", 5353))
"""


def _address(client: ClientHost) -> str:
    return str(client.layout.ip_addresses(4)[0])


def _listen(client: ClientHost, log: Path) -> Path:
    """Who asked for AirPlay, a line each."""
    client.start([sys.executable, "-c", LISTENER, _address(client), str(log)]).read_json()
    return log


def _apply(venue: Venue, text: str) -> None:
    venue.write_config(parse(text.encode(), source="test").config)
    require_success(venue.gateway.run_lbrouter("apply"))


def test_a_group_hears_each_other_and_other_vlans_do_not(
    build_venue: VenueBuilder, tmp_path: Path
) -> None:
    venue = build_venue(TEXT)
    _apply(venue, TEXT)
    crew = venue.client("crew")
    screen, guest = (_listen(venue.client(n), tmp_path / n) for n in ("playback", "guests"))

    def is_heard() -> bool:
        crew.check_output([sys.executable, "-c", ASK, _address(crew)])
        return bool(screen.read_text(encoding="ascii"))

    assert eventually(is_heard)
    assert set(screen.read_text(encoding="ascii").split()) == {"10.10.2.1"}
    assert guest.read_text(encoding="ascii") == ""


def test_reflectors_follow_the_file(build_venue: VenueBuilder) -> None:
    """A second group beside the first; none without the key; the plan has nothing to do after."""
    venue = build_venue(TEXT)
    two = TEXT.replace('[["crew", "playback"]]', '[["crew", "playback"], ["playback", "guests"]]')
    reflectors = MdnsReflectors(venue.gateway.runtime_dir)
    for text, count in ((TEXT, 1), (two, 2), (TEXT.replace("mdns = [[", "# mdns = [["), 0)):
        _apply(venue, text)
        assert len(list(reflectors._standing_names())) == count
        done = venue.gateway.run_lbrouter("plan")
        assert done.returncode == 0, done.stdout
    _apply(venue, TEXT)
    require_success(venue.gateway.run_lbrouter("down"))
    assert list(reflectors._standing_names()) == []
