"""What a neighbour on one line advertises stays on that line, before lbrouter's start and after."""

from collections.abc import Iterator

import pytest

from lbrouter.compile.ra.advertised_routers import MAX_ROUTERS
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import config_of
from tests.kit.commands import require_success
from tests.kit.config_text import FAST_HEALTH
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually
from tests.topology.uplinks.advertised_frames import (
    INFINITE_S,
    NEIGHBOUR_MAC,
    advertisement,
    send_frames,
)

TEXT = (
    FAST_HEALTH
    + """
[gateway]
name = "advertised"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
address6 = "2001:db8:1::2/64"
gateway6 = "2001:db8:1::1"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
address6 = "2001:db8:2::2/64"
gateway6 = "2001:db8:2::1"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
address6 = "fd10:10::1/64"
policy = "show"

[vlans.guests]
port = "lan2"
address = "10.10.40.1/24"
address6 = "fd10:40::1/64"
policy = "backup"

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]

[policies.backup]
mode = "failover"
uplinks = ["lte"]
"""
)

AUTO = TEXT.replace(
    'address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"\n', 'address6 = "auto"\n'
)
MAIN_ROUTES = ("ip", "-6", "route", "show", "table", "main")
LINE_ROUTES = ("ip", "-6", "route", "show", "table", "7001")
GOOD = advertisement("2001:db8:1::/64", source="fe80::1")


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    """Two lines with IPv6; the first one's address comes by advertisement from now on."""
    built = build_venue(TEXT)
    built.write_config(config_of(AUTO))
    built.gateway.check_output(["ip", "link", "set", "wan1", "up"])
    built.isp("fiber").check_output(
        ["ip", "-6", "address", "add", "fe80::1/64", "dev", "line", "nodad"]
    )
    return built


@pytest.fixture
def daemon(venue: Venue) -> Iterator[GatewayDaemon]:
    """The daemon, after the provider's own router was heard."""
    with GatewayDaemon(venue.gateway) as started:
        _send(venue, [GOOD])
        assert eventually(lambda: started.uplink("fiber")["address6"] is not None, within_s=20)
        yield started


def _send(venue: Venue, frames: list[bytes]) -> None:
    send_frames(venue.isp("fiber"), "line", frames)


def _serves(venue: Venue, client: str) -> bool:
    [row] = venue.client(client).open_flows(count=1, version=6, every=False)
    return not row["error"]


def _neighbour_in_main(venue: Venue) -> list[str]:
    """Routes of `main` by the line, but for the link-local one that each interface has."""
    listing = venue.gateway.check_output([*MAIN_ROUTES])
    routes = (line for line in listing.splitlines() if "dev wan1" in line)
    return [line for line in routes if not line.startswith("fe80::/64")]


def test_prefixes_of_a_vlan_and_of_the_internet_reach_no_other_packets(
    venue: Venue, daemon: GatewayDaemon
) -> None:
    """The VLAN's own prefix, half of the internet on the link, and a part of the other line."""
    hostile = ["fd10:10::/64", "2000::/3", "::/0", "2001:db8:2::/80", "2001:db8:99::/64"]
    _send(venue, [advertisement("2001:db8:1::/64", *hostile, source="fe80::1")])

    def refused() -> str:
        return " ".join(daemon.uplink("fiber")["advertised"]["refused"])

    assert eventually(lambda: "fd10:10::/64 of VLAN stream" in refused())
    assert "of uplink lte" in refused()
    assert eventually(
        lambda: any("it is not used" in each["text"] for each in daemon.events("router"))
    )
    assert _neighbour_in_main(venue) == []
    assert eventually(lambda: _serves(venue, "stream"))
    assert _serves(venue, "guests")
    assert "fd10:10::" not in venue.gateway.check_output([*LINE_ROUTES])


def test_hundreds_of_routers_and_prefixes_are_bounded_and_the_first_router_stays(
    venue: Venue, daemon: GatewayDaemon
) -> None:
    before = daemon.uplink("fiber")
    crowd = [
        advertisement(f"2001:db8:{0x1000 + n:x}::/64", source=f"fe80::{0x1000 + n:x}")
        for n in range(300)
    ]
    for start in range(0, 300, 20):
        _send(venue, crowd[start : start + 20])
        assert eventually(lambda: daemon.uplink("fiber")["advertised"]["routers"] > 0)
    many = [f"2001:db8:{0x2000 + n:x}::/64" for n in range(12)]
    _send(venue, [advertisement(*many, source="fe80::1") for _ in range(20)])
    assert eventually(
        lambda: any(
            f"more than {MAX_ROUTERS} machines" in e["text"] for e in daemon.events("router")
        )
    )
    now = daemon.uplink("fiber")
    assert (now["address6"], now["gateway6"]) == (before["address6"], before["gateway6"])
    held = venue.gateway.check_output(["ip", "-6", "-o", "address", "show", "dev", "wan1"])
    assert held.count("inet6") <= 10
    assert _neighbour_in_main(venue) == []
    assert _serves(venue, "guests")


def test_a_router_that_is_not_there_takes_the_line_for_some_seconds_at_most(
    venue: Venue, daemon: GatewayDaemon
) -> None:
    """It wants to be preferred, and answers no neighbour solicitation."""
    before = daemon.uplink("fiber")
    forged = advertisement("2001:db8:dead::/64", source="fe80::dead", preference=1)
    _send(venue, [forged])
    assert eventually(lambda: daemon.uplink("fiber")["gateway6"] == "fe80::dead")
    assert eventually(lambda: daemon.uplink("fiber")["address6"] == before["address6"], within_s=20)
    _send(venue, [forged])
    assert eventually(lambda: _serves(venue, "stream"))
    assert daemon.uplink("fiber")["gateway6"] == before["gateway6"]


def test_what_was_advertised_before_the_start_does_not_stay_in_main(venue: Venue) -> None:
    """For ever, and on the link: the kernel took it in while nothing told it not to."""
    gateway = venue.gateway
    gateway.check_output(["sysctl", "-qw", "net.ipv6.conf.wan1.accept_ra=1"])
    hostile = ["fd10:10::/64", "2001:db8:99::/64"]
    forged = advertisement(*hostile, source="fe80::1", valid_s=INFINITE_S, autonomous=False)

    def is_taken_in() -> bool:
        _send(venue, [forged])
        return len(_neighbour_in_main(venue)) >= len(hostile)

    assert eventually(is_taken_in, within_s=20)
    # The control: an administrator's own route stays.
    own = "2001:db8:77::/64"
    gateway.check_output(["ip", "-6", "route", "add", own, "dev", "wan1"])
    require_success(gateway.run_lbrouter("apply"))
    assert [line.split()[0] for line in _neighbour_in_main(venue)] == [own]
    assert _serves(venue, "stream")
    assert _serves(venue, "guests")


def test_a_forged_advertisement_from_beyond_the_link_is_not_heard(
    venue: Venue, daemon: GatewayDaemon
) -> None:
    before = daemon.uplink("fiber")["advertised"]["routers"]
    _send(venue, [advertisement("2001:db8:5::/64", hop_limit=64, preference=1)])
    _send(venue, [advertisement("2001:db8:5::/64", source="2001:db8:1::66", preference=1)])
    _send(venue, [advertisement("2001:db8:6::/64", source="fe80::6")])
    assert eventually(lambda: daemon.uplink("fiber")["advertised"]["routers"] == before + 1)


def test_a_router_that_gives_addresses_by_dhcpv6_alone_is_said(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as started:
        _send(venue, [advertisement(source="fe80::1", managed=True)])
        assert eventually(
            lambda: "by DHCPv6 alone" in started.uplink("fiber")["families"]["ipv6"]["reason"],
            within_s=20,
        )
        assert eventually(lambda: "by DHCPv6 alone" in started.uplink("fiber")["reason"])
        text = require_success(venue.gateway.run_lbrouter("explain", "stream", "2001:db8:ffff::1"))
        assert "2001:db8:ffff::1" in text


def test_a_rogue_router_on_a_vlan_is_told_with_its_hardware_address(
    venue: Venue, daemon: GatewayDaemon
) -> None:
    client = venue.client("guests")
    send_frames(client, "eth0", [advertisement("2001:db8:bad::/64", source="fe80::bad")])

    def rogue() -> list[dict[str, str]]:
        found: list[dict[str, str]] = daemon.status()["vlans"]["guests"]["other_routers"]
        return found

    assert eventually(lambda: rogue() == [{"mac": NEIGHBOUR_MAC, "address": "fe80::bad"}])
    [told] = [e for e in daemon.events("router") if e["subject"] == "guests"]
    assert NEIGHBOUR_MAC in told["text"]
    assert "find it and unplug it" in told["text"]
    assert daemon.status()["vlans"]["stream"]["other_routers"] == []
    held = venue.gateway.check_output(["ip", "-6", "address", "show", "dev", "lan2"])
    assert "bad" not in held
    # It takes itself back.
    send_frames(client, "eth0", [advertisement(source="fe80::bad", lifetime_s=0)])
    assert eventually(lambda: rogue() == [])
