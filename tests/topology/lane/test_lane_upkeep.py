"""A lane is observed, repaired and taken down like everything else; its relay's silence is told."""

import subprocess
from collections.abc import Iterator

import pytest

from lbrouter.rehearsal.lab import process_netns
from tests.kit.commands import require_success
from tests.kit.live_streams.lane_venue import LANE_CONFIG, LaneVenue, running_lane
from tests.kit.live_streams.numbered_datagrams import NumberedDatagrams
from tests.kit.wait import eventually

pytestmark = pytest.mark.usefixtures("wireguard")

RELAY = "45.79.1.7"
DROP_WIREGUARD = f"""
table ip blocked {{
	chain c {{
		type filter hook prerouting priority -400;
		ip daddr {RELAY} udp dport {{ 51820, 51821 }} drop
	}}
}}
"""
OURS = {
    "devices": "ip -o link show | awk '{ print $2 }' | grep '^lbr-'",
    "devices with our alias": "ip -o link show | grep -w 'alias lbrouter'",
    "tables": "nft list tables | grep -w lbrouter",
    "rules": "{ ip -4 rule; ip -6 rule; } | grep '^100[0-9][0-9]:'",
    "routes": "{ ip -4 route show table all; ip -6 route show table all; } | grep -w 'proto 76'",
    "routes of our tables": "ip route show table all | grep -E 'table 70(0[0-9]|1[0-6])( |$)'",
}
"""What shows each kind of object that is ours. The namespaces of the lab have our prefix too: the
output of `ip link` names them, so a device is known by its own name."""
DAMAGES = (
    "nft flush ruleset",
    "nft delete table ip lbrouter",
    "nft flush chain ip lbrouter lane_copy_3",
    "ip link del lbr-lane",
    "ip link del lbr-void",
    "ip rule del pref 10001",
    "ip route flush table 7016",
)


@pytest.fixture(scope="module")
def lane() -> Iterator[LaneVenue]:
    with running_lane(LANE_CONFIG) as found:
        yield found


def gateway(lane: LaneVenue, command: str) -> str:
    """Output of a shell command in the gateway, whatever its exit code."""
    argv = process_netns.exec_argv(lane.venue.gateway.namespace, ["sh", "-c", command])
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_by_hand_is_repaired(lane: LaneVenue, damage: str) -> None:
    lane.wait_until_whole()
    assert eventually(lambda: not _plan(lane), within_s=10)
    gateway(lane, damage)
    assert eventually(lambda: not _plan(lane), within_s=15), _plan(lane)
    lane.wait_until_whole()
    datagrams = NumberedDatagrams(lane.venue, "stream")
    assert eventually(lambda: datagrams.arrived_count > 100)
    assert datagrams.stop().sources == (RELAY,)


def _ours(lane: LaneVenue) -> dict[str, str]:
    """What is in the gateway's kernel that is ours, by its kind."""
    found = {kind: gateway(lane, command) for kind, command in OURS.items()}
    return {kind: lines for kind, lines in found.items() if lines}


def _plan(lane: LaneVenue) -> str:
    done = lane.venue.gateway.run_lbrouter("plan")
    return "" if done.returncode == 0 else done.stdout


def test_no_private_key_is_in_what_others_may_read(lane: LaneVenue) -> None:
    state = lane.venue.gateway.state_dir / "lanes"
    keys = [file.read_text().strip() for file in sorted(state.glob("*.key"))]
    assert len(keys) == 2
    assert all(file.stat().st_mode & 0o077 == 0 for file in state.glob("*.key"))
    status = lane.venue.gateway.run_lbrouter("status", "--json")
    said = require_success(status) + lane.daemon.log_text()
    said += require_success(lane.venue.gateway.run_lbrouter("events", "--limit", "1000"))
    assert not [key for key in keys if key in said]


def test_a_relay_that_is_off_and_a_blocked_port_have_their_own_reasons(lane: LaneVenue) -> None:
    relay = lane.venue.relays["lane"]
    lane.wait_until_whole()
    relay.check_output(["nft", "-f", "-"], stdin=DROP_WIREGUARD)
    blocked = eventually(
        lambda: "does not pass" in lane.daemon.uplink("lane")["reason"], within_s=25
    )
    relay.check_output(["nft", "delete", "table", "ip", "blocked"])
    assert blocked, lane.daemon.uplink("lane")["reason"]
    lane.wait_until_whole()
    relay.set_blackhole(on=True)
    gone = eventually(
        lambda: "does not answer by any" in lane.daemon.uplink("lane")["reason"], within_s=25
    )
    relay.restore()
    assert gone, lane.daemon.uplink("lane")["reason"]
    lane.wait_until_whole()


def test_a_killed_daemon_leaves_the_lane_and_down_leaves_nothing(lane: LaneVenue) -> None:
    lane.wait_until_whole()
    datagrams = NumberedDatagrams(lane.venue, "stream")
    lane.daemon.kill()
    before = datagrams.arrived_count
    assert eventually(lambda: datagrams.arrived_count > before + 200)
    lane.daemon.start()
    assert eventually(lane.daemon.is_serving, within_s=30)
    lane.wait_until_whole()
    datagrams.stop()
    lane.daemon.kill()
    assert _ours(lane).keys() == OURS.keys(), "each command finds what is there before"
    require_success(lane.venue.gateway.run_lbrouter("down"))
    assert not _ours(lane)
    require_success(lane.venue.gateway.run_lbrouter("apply"))
