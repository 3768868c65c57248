"""What the daemon says of real lines: families, directions, large packets, dead and drained."""

import time

import pytest

from lbrouter.model.kernel_state import AddressFamily
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.programs import udp_feed, udp_subscriber
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually

DUAL_CONFIG = (
    FAILOVER_CONFIG.replace('"icmp://1.1.1.1"', '"icmp://1.1.1.1", "icmp://[2001:db8:99::9]"')
    .replace('gateway = "203.0.113.1"', 'gateway = "203.0.113.1"\naddress6 = "2001:db8:1::2/64"\n'
             'gateway6 = "2001:db8:1::1"')
    .replace('gateway = "198.51.100.1"', 'gateway = "198.51.100.1"\n'
             'address6 = "2001:db8:2::2/64"\ngateway6 = "2001:db8:2::1"')
    .replace('address = "10.10.10.1/24"', 'address = "10.10.10.1/24"\naddress6 = "fd10:10::1/64"')
)  # fmt: skip

FAMILY_DEAD_RULES = """
table inet family_dead {{
    chain swallow {{
        type filter hook prerouting priority -500;
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
        meta nfproto {family} drop
    }}
}}
"""
UPLOAD_DEAD_RULES = """
table inet upload_dead {
    chain swallow {
        type filter hook forward priority -500;
        iifname "line" drop
    }
}
"""
LARGE_DEAD_RULES = """
table inet large_dead {
    chain swallow {
        type filter hook forward priority -500;
        meta length > 1400 drop
    }
}
"""


def isp_rules(venue: Venue, rules: str) -> None:
    venue.isp("fiber").check_output(["nft", "-f", "-"], stdin=rules)


@pytest.mark.parametrize("dead", AddressFamily)
def test_a_family_that_dies_alone_is_seen_in_a_second_and_the_other_stays(
    build_venue: VenueBuilder, dead: AddressFamily
) -> None:
    venue, lives = build_venue(DUAL_CONFIG), next(x for x in AddressFamily if x is not dead)
    dead_key, lives_key = f"ipv{dead.version}", f"ipv{lives.version}"
    with GatewayDaemon(venue.gateway) as daemon:
        families = lambda: daemon.uplink("fiber")["families"]  # noqa: E731
        assert eventually(lambda: {x["state"] for x in families().values()} == {"up"})
        assert set(families()) == {"ipv4", "ipv6"}
        assert eventually(lambda: daemon.uplink("fiber")["rtt_ms"] is not None)
        begun = time.monotonic()
        isp_rules(venue, FAMILY_DEAD_RULES.format(family=dead_key))
        assert eventually(lambda: families()[dead_key]["state"] == "down", within_s=10)
        print(f"{dead_key} down after", time.monotonic() - begun)
        assert time.monotonic() - begun < 2  # about 0.8 s; the machine may be busy
        found = daemon.uplink("fiber")
        assert (found["state"], found["families"][lives_key]["state"]) == ("up", "up")
        assert found["families"][dead_key]["reason_code"] == "no_answer"
        assert eventually(lambda: daemon.has_logged("family:", f"fiber IPv{dead.version} is down"))
        assert not daemon.has_logged("uplink:", "fiber is down")
        venue.isp("fiber").check_output(["nft", "delete table inet family_dead"])
        assert eventually(lambda: families()[dead_key]["state"] == "up", within_s=15)


def test_ipv6_that_no_target_ever_answered_follows_ipv4(build_venue: VenueBuilder) -> None:
    targets = '"icmp://8.8.8.8", "icmp://1.1.1.1", "icmp://[2001:db8:99::9]"'
    venue = build_venue(DUAL_CONFIG.replace(targets, '"icmp://192.0.2.53"'))
    with GatewayDaemon(venue.gateway) as daemon:
        families = lambda: daemon.uplink("fiber")["families"]  # noqa: E731
        assert eventually(lambda: families()["ipv4"]["state"] == "up")
        six = families()["ipv6"]
        assert (six["state"], six["reason_code"]) == ("up", "follows_other_family")
        venue.isp("fiber").set_blackhole(on=True)
        assert eventually(lambda: families()["ipv6"]["state"] == "down", within_s=10)


@pytest.mark.parametrize("feed", [False, True])
def test_a_dead_upload_is_down_whatever_comes_in(build_venue: VenueBuilder, *, feed: bool) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.uplink("fiber")["rtt_ms"] is not None)
        if feed:
            venue.host("internet").start(udp_feed("8.8.8.8"))
            received = venue.client("stream").start(udp_subscriber("8.8.8.8"))
            assert received.read_json()["received"] > 0
        begun = time.monotonic()
        isp_rules(venue, UPLOAD_DEAD_RULES)
        assert eventually(lambda: daemon.state("fiber") == "down", within_s=10)
        took_s = time.monotonic() - begun
        print("down after", took_s)
        assert took_s < 4 * 0.6 + 1  # `down_after` is 0.6 s there
        if feed:
            assert took_s > 0.6, "for a while the replies speak for the line"


def test_large_packets_that_no_longer_pass_are_noticed(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.uplink("fiber")["rtt_ms"] is not None)
        assert eventually(lambda: uplink_of_new_flow(venue) == "fiber")
        isp_rules(venue, LARGE_DEAD_RULES)
        code = lambda: daemon.uplink("fiber")["reason_code"]  # noqa: E731
        assert eventually(lambda: code() == "mtu_black_hole", within_s=20)
        found = daemon.uplink("fiber")
        assert found["state"] == "degraded" and "`mtu`" in found["reason"]
        assert eventually(lambda: uplink_of_new_flow(venue) == "lte")
        venue.isp("fiber").check_output(["nft", "delete table inet large_dead"])
        assert eventually(lambda: code() == "answering", within_s=20)


def test_a_drained_line_that_dies_is_down_and_stays_drained(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up")
        daemon.ask("drain", uplink="fiber")
        assert eventually(lambda: daemon.state("fiber") == "drained")
        venue.isp("fiber").set_blackhole(on=True)
        assert eventually(lambda: daemon.state("fiber") == "down", within_s=10)
        assert daemon.uplink("fiber")["rtt_ms"] is None, "a dead line has no round trip"
        venue.isp("fiber").set_blackhole(on=False)
        assert eventually(lambda: daemon.state("fiber") == "drained", within_s=10)


def test_a_line_whose_interface_is_gone_waits(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up")
        venue.gateway.check_output(["ip", "link", "set", "wan1", "name", "elsewhere"])
        assert eventually(lambda: daemon.uplink("fiber")["reason_code"] == "no_interface")
        assert daemon.state("fiber") == "waiting"
