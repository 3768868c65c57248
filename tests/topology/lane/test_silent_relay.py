"""Each way in which a relay can be out of reach has its own reason, found with real packets."""

import sys
import time
from collections.abc import Iterator

import pytest

from lbrouter.compile.relay.cloud_init import RELAY_DEVICE
from lbrouter.compile.relay.x25519 import private_key_of, public_key_of
from tests.kit.commands import require_success
from tests.kit.live_streams.lane_venue import LANE_CONFIG, LaneVenue, running_lane
from tests.kit.live_streams.wireguard_initiation import initiation
from tests.kit.wait import eventually

pytestmark = pytest.mark.usefixtures("wireguard")

RELAY = "45.79.1.7"
INSIDE = "10.255.0.2/32"
RESOLVER = "9.9.9.53"
RELAY_NAME = "relay.example.org"
FUTURE_S = 10 * 365 * 86400
REASON_TIMEOUT_S = 40.0
SEND = (
    "import socket, sys\n"
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
    ".sendto(bytes.fromhex(sys.argv[1]), (sys.argv[2], 51820))"
)


@pytest.fixture(scope="module")
def lane() -> Iterator[LaneVenue]:
    with running_lane(LANE_CONFIG) as found:
        yield found


def has_reason(lane: LaneVenue, code: str, *words: str) -> bool:
    found = lane.daemon.uplink("lane")
    return found["reason_code"] == code and all(each in found["reason"] for each in words)


def wait_for_reason(lane: LaneVenue, code: str, *words: str) -> None:
    seen = eventually(lambda: has_reason(lane, code, *words), within_s=REASON_TIMEOUT_S)
    assert seen, lane.daemon.uplink("lane")
    assert any(words[0] in each["text"] for each in lane.daemon.events("lane")), (
        "and in the journal"
    )


def gateway_key(lane: LaneVenue) -> str:
    return (lane.venue.gateway.state_dir / "lanes/lane.key").read_text().strip()


def set_relay_peer(lane: LaneVenue, public_key: str) -> None:
    """Whom the relay knows: one host, and nothing of an earlier handshake."""
    known = lane.venue.relays["lane"].check_output(["wg", "show", RELAY_DEVICE, "peers"])
    old = [word for key in known.split() for word in ("peer", key, "remove")]
    new = ["peer", public_key, "allowed-ips", INSIDE]
    lane.venue.relays["lane"].check_output(["wg", "set", RELAY_DEVICE, *old])
    lane.venue.relays["lane"].check_output(["wg", "set", RELAY_DEVICE, *new])


def test_the_first_handshake_is_not_a_second_try(lane: LaneVenue) -> None:
    """WireGuard tries again after five seconds: the first one must not leave before the copies."""
    [applied] = lane.daemon.events("apply")[:1]
    known = next(each for each in lane.daemon.events("uplink") if each["subject"] == "lane")
    assert "checking" in known["text"]
    assert seconds_of(known["at"]) - seconds_of(applied["at"]) < 2


def seconds_of(at: str) -> float:
    clock, _, fraction = at.rstrip("Z").partition(".")
    return time.mktime(time.strptime(clock, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")


def test_a_relay_that_has_another_key_says_that_udp_passes(lane: LaneVenue) -> None:
    lane.wait_until_whole()
    set_relay_peer(lane, public_key_of(private_key_of(bytes(range(32)))))
    wait_for_reason(lane, "lane_keys_differ", "its WireGuard does not answer")
    assert lane.daemon.status()["policies"]["show"]["active"] == ["fiber"]
    set_relay_peer(lane, public_key_of(gateway_key(lane)))
    lane.wait_until_whole()


def test_a_clock_that_is_years_behind_the_last_handshake_is_told(lane: LaneVenue) -> None:
    """The relay has seen a handshake of later years: so it refuses one of this machine's clock."""
    lane.wait_until_whole()
    later = time.time() + FUTURE_S
    relay_key = lane.venue.relays["lane"].check_output(["wg", "show", RELAY_DEVICE, "public-key"])
    message = initiation(gateway_key(lane), relay_key.strip(), later)
    remembered = lane.venue.gateway.state_dir / "lanes/lane.last-handshake"
    assert eventually(remembered.exists), "the daemon writes down when a handshake was"
    lane.daemon.stop()
    remembered.write_text(f"{later:.0f}\n")
    argv = [sys.executable, "-I", "-S", "-c", SEND, message.hex(), RELAY]
    lane.venue.internet.check_output(argv)
    require_success(lane.venue.gateway.run(["ip", "link", "del", "lbr-lane"]))
    lane.daemon.start()
    assert eventually(lane.daemon.is_serving, within_s=30)
    wait_for_reason(lane, "lane_clock_wrong", "the clock of this machine says", "set the clock")
    assert lane.daemon.uplink("lane")["handshake_age_s"] is None
    set_relay_peer(lane, public_key_of(gateway_key(lane)))  # as a restart of the relay
    lane.wait_until_whole()
    assert float(remembered.read_text()) < later - FUTURE_S / 2


def test_a_name_that_does_not_resolve_leaves_the_last_address(lane: LaneVenue) -> None:
    lane.wait_until_whole()
    internet = lane.venue.internet
    internet.check_output(["ip", "address", "add", f"{RESOLVER}/32", "dev", "lo"])
    listen = [f"--listen-address={RESOLVER}", "--bind-interfaces"]
    answer = [f"--address=/{RELAY_NAME}/{RELAY}", "--no-resolv", "--no-hosts", "--pid-file="]
    resolver = internet.start(["dnsmasq", "--keep-in-foreground", *listen, *answer])
    named = LANE_CONFIG.replace(f"{RELAY}:51820", f"{RELAY_NAME}:51820")
    named = named.replace('name = "lane"', f'name = "lane"\ndns = ["{RESOLVER}"]', 1)
    lane.venue.gateway.config_path.write_text(named)
    applied = len(lane.daemon.events("apply"))
    lane.daemon.reload()
    assert eventually(lambda: len(lane.daemon.events("apply")) > applied, within_s=20)
    assert eventually(lambda: lane.daemon.uplink("lane")["relay"] == RELAY, within_s=20)
    lane.wait_until_whole()
    assert lane.daemon.uplink("lane")["reason_code"] != "lane_name_unresolved"
    resolver.close()
    lane.daemon.stop()
    lane.daemon.start()
    assert eventually(lane.daemon.is_serving, within_s=30)
    wait_for_reason(lane, "lane_name_unresolved", f"{RELAY_NAME} does not resolve", RELAY)
    lane.wait_until_whole()
    lane.venue.relays["lane"].set_blackhole(on=True)
    wait_for_reason(lane, "lane_name_unresolved", RELAY_NAME, "does not answer by any line")
    lane.venue.relays["lane"].restore()
