"""`address6 = "auto"`: real router advertisements, their changes and their end, and rogue ones."""

import sys
from collections.abc import Iterator
from ipaddress import IPv6Address, IPv6Network

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.hosts import GatewayHost, Host
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.config_text import FAST_HEALTH
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

TEXT = (
    FAST_HEALTH
    + """
[gateway]
name = "advertised"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
address6 = "auto"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
address6 = "fd10:10::1/64"
policy = "show"

[policies.show]
mode = "failover"
uplinks = ["fiber"]
"""
)

OTHER_PREFIX = IPv6Network("2001:db8:77::/64")

ROUTER_ARGV = (
    *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file"),
    *("--interface=line", "--bind-interfaces", "--user=root", "--enable-ra"),
    *("--dhcp-range=::,constructor:line,ra-only,64", "--ra-param=line,high,600,1800"),
)
"""It advertises when it is asked; unasked, every ten minutes."""

MAIN_ROUTES = ("ip", "-6", "route", "show", "table", "main")
WAN_LINK_LOCAL = "fe80::/64 dev wan1"

ADVERTISE_SCRIPT = """
import sys
from scapy.all import Ether, IPv6, ICMPv6ND_RA, ICMPv6NDOptPrefixInfo, get_if_hwaddr, sendp
interface, lifetime, *prefixes = sys.argv[1:]
ra = ICMPv6ND_RA(routerlifetime=int(lifetime))
for each in prefixes:
    prefix, preferred = each.split(",")
    ra /= ICMPv6NDOptPrefixInfo(
        prefix=prefix, prefixlen=64, validlifetime=3600, preferredlifetime=int(preferred)
    )
source = sys.stdin.read().strip()
mac = get_if_hwaddr(interface)
frame = Ether(src=mac, dst="33:33:00:00:00:01") / IPv6(src=source, dst="ff02::1", hlim=255) / ra
sendp(frame, iface=interface, verbose=False)
"""


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    """The line is up, and the gateway forwards: its kernel has no reason to ask for routers."""
    built = build_venue(TEXT)
    built.write_config(parse(TEXT.encode(), source="test").config)
    built.gateway.check_output(["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"])
    built.gateway.check_output(["ip", "link", "set", "wan1", "up"])
    return built


@pytest.fixture
def router(venue: Venue) -> LabProcess:
    """A provider's router that answers solicitations."""
    return venue.isp("fiber").start(ROUTER_ARGV)


@pytest.fixture
def daemon_with_router(venue: Venue, router: LabProcess) -> Iterator[GatewayDaemon]:
    """The daemon beside that router."""
    assert router
    with GatewayDaemon(venue.gateway) as daemon:
        yield daemon


def advertise(host: Host, interface: str, lifetime: int, *prefixes: str) -> None:
    """Send one advertisement; each prefix as "PREFIX,PREFERRED-SECONDS"."""
    argv = [sys.executable, "-c", ADVERTISE_SCRIPT, interface, str(lifetime), *prefixes]
    host.check_output(argv, stdin=link_local(host, interface))


def link_local(host: Host, interface: str) -> str:
    words = host.check_output(
        ["ip", "-6", "-o", "address", "show", "dev", interface, "scope", "link"]
    )
    return words.split("inet6 ")[1].split("/")[0]


def prefix_of(venue: Venue) -> IPv6Network:
    [leg] = [leg for leg in venue.isp("fiber").line.families if leg.address.version == 6]
    assert isinstance(leg.address.network, IPv6Network)
    return leg.address.network


def address_of(daemon: GatewayDaemon) -> IPv6Address | None:
    found = daemon.status()["uplinks"]["fiber"]["address6"]
    return None if found is None else IPv6Address(found.partition("/")[0])


def is_within(daemon: GatewayDaemon, network: IPv6Network) -> bool:
    found = address_of(daemon)
    return found is not None and found in network


def client_reaches_internet(venue: Venue) -> bool:
    [row] = venue.client("stream").open_flows(count=1, version=6, every=False)
    return not row["error"]


def accept_ra_settings(gateway: GatewayHost, device: str) -> str:
    names = ("accept_ra", "accept_ra_defrtr", "accept_ra_pinfo", "autoconf")
    return gateway.check_output(
        ["sysctl", "-n", *(f"net.ipv6.conf.{device}.{name}" for name in names)]
    )


def test_routers_are_asked_and_what_they_say_is_followed(
    venue: Venue, router: LabProcess, daemon_with_router: GatewayDaemon
) -> None:
    assert eventually(lambda: is_within(daemon_with_router, prefix_of(venue)), within_s=10)
    isp = venue.isp("fiber")
    found = daemon_with_router.status()["uplinks"]["fiber"]
    assert found["gateway6"] == link_local(isp, "line")
    assert eventually(lambda: client_reaches_internet(venue))
    assert accept_ra_settings(venue.gateway, "wan1").split()[0] == "0"
    assert "wan1" not in venue.gateway.check_output(MAIN_ROUTES).replace(WAN_LINK_LOCAL, "")
    # Another prefix takes the place of the first, which new flows may not use any more.
    first = prefix_of(venue).network_address
    advertise(isp, "line", 1800, f"{first},0", f"{OTHER_PREFIX.network_address},1800")
    assert eventually(lambda: is_within(daemon_with_router, OTHER_PREFIX))
    # The router ends its advertisements, and no other router answers.
    router.close()
    advertise(isp, "line", 0)
    assert eventually(lambda: daemon_with_router.status()["uplinks"]["fiber"]["gateway6"] is None)
    assert not client_reaches_internet(venue)
    assert daemon_with_router.state("fiber") == "up"  # there is IPv4


def test_the_settings_are_given_back(venue: Venue) -> None:
    before = accept_ra_settings(venue.gateway, "wan1")
    require_success(venue.gateway.run_lbrouter("apply"))
    assert accept_ra_settings(venue.gateway, "wan1") != before
    require_success(venue.gateway.run_lbrouter("down"))
    assert accept_ra_settings(venue.gateway, "wan1") == before


def test_a_rogue_router_on_a_vlan_is_ignored(
    venue: Venue, daemon_with_router: GatewayDaemon
) -> None:
    assert eventually(lambda: is_within(daemon_with_router, prefix_of(venue)), within_s=10)
    client, gateway = venue.client("stream"), venue.gateway
    seen = venue.capture(gateway, "lan1")
    advertise(client, "eth0", 1800, f"{OTHER_PREFIX.network_address},1800")
    assert eventually(lambda: client_reaches_internet(venue))
    assert any(frame[54:55] == bytes([134]) for frame in seen.stop())
    held = gateway.check_output(["ip", "-6", "address", "show", "dev", "lan1"])
    assert "2001:db8:77" not in held
    assert "dev lan1" not in gateway.check_output(["ip", "-6", "route", "show", "default"])
