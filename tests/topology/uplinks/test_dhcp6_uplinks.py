"""`address6 = "dhcp"`: a provider that lends IPv6 addresses by DHCPv6 alone, a real dnsmasq."""

from pathlib import Path

import pytest

from lbrouter.compile.config.parse import parse
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
name = "lent"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
address6 = "dhcp"

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
FIRST, LAST, MINUTES = 0x100, 0x1FF, "2m"


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    built = build_venue(TEXT)
    built.write_config(parse(TEXT.encode(), source="test").config)
    return built


def lend(venue: Venue, folder: Path, *options: str) -> LabProcess:
    """The provider's server: managed addresses, none by autoconfiguration; the router announces
    itself.
    """
    isp = venue.isp("fiber")
    pool = f"{FIRST:x},{LAST:x}".split(",")
    constructed = f"--dhcp-range=::{pool[0]},::{pool[1]},constructor:line,64,{MINUTES}"
    argv = (
        *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file"),
        *("--interface=line", "--bind-interfaces", "--user=root", "--dhcp-authoritative"),
        *("--log-dhcp", f"--log-facility={folder / 'dhcp6.log'}"),
        f"--dhcp-leasefile={folder / 'dhcp6.leases'}",
        *("--enable-ra", "--ra-param=line,high,10,1800", constructed, *options),
    )
    return isp.start(argv)


def log_text(folder: Path) -> str:
    log = folder / "dhcp6.log"
    return log.read_text(encoding="utf-8") if log.exists() else ""


def lent_address(daemon: GatewayDaemon) -> str:
    """The address of the IPv6 side of the line; "" where it has none."""
    held = daemon.gateway.check_output(
        ["ip", "-6", "-o", "address", "show", "dev", "wan1", "scope", "global"]
    )
    return next((word for word in held.split() if word.endswith("/128")), "")


def family_of(daemon: GatewayDaemon) -> str:
    found = daemon.uplink("fiber")["families"].get("ipv6", {"state": "", "reason": ""})
    return f"{found['state']}: {found['reason']}"


def flows_over_ipv6(venue: Venue) -> bool:
    [row] = venue.client("stream").open_flows(count=1, version=6, every=False)
    return not row["error"]


def test_an_address_is_asked_for_used_renewed_and_given_up(venue: Venue, tmp_path: Path) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(
            lambda: "no DHCPv6 server answers on wan1" in family_of(daemon), within_s=20
        )
        lend(venue, tmp_path, "--dhcp-option=option6:dns-server,[2001:db8::53]")
        assert eventually(lambda: lent_address(daemon) != "", within_s=40), family_of(daemon)
        assert eventually(lambda: family_of(daemon).startswith("up: "), within_s=30), family_of(
            daemon
        )
        table = venue.gateway.check_output(["ip", "-6", "route", "show", "table", "7001"])
        assert "default via fe80:" in table
        assert eventually(lambda: flows_over_ipv6(venue))
        held = venue.gateway.check_output(["ip", "-6", "-o", "address", "show", "dev", "wan1"])
        assert held.count("scope global") == 1  # nothing formed by autoconfiguration
        replies = log_text(tmp_path).count("DHCPREPLY")
        assert eventually(lambda: log_text(tmp_path).count("DHCPREPLY") > replies, within_s=75)
        assert "DHCPRENEW" in log_text(tmp_path)
        assert venue.gateway.run_lbrouter("plan").returncode == 0
    require_success(venue.gateway.run_lbrouter("down"))
    left = venue.gateway.check_output(["ip", "-6", "-o", "address", "show", "dev", "wan1"])
    assert "/128" not in left


def test_a_restarted_daemon_goes_on_with_the_address_and_confirms_it(
    venue: Venue, tmp_path: Path
) -> None:
    lend(venue, tmp_path)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: lent_address(daemon) != "", within_s=30), family_of(daemon)
        first = lent_address(daemon)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: "DHCPREBIND" in log_text(tmp_path), within_s=20)
        assert lent_address(daemon) == first
        venue.isp("fiber").set_carrier(up=False)
        venue.isp("fiber").set_carrier(up=True)
        assert eventually(lambda: log_text(tmp_path).count("DHCPREBIND") > 1, within_s=20)
        assert eventually(lambda: lent_address(daemon) == first)


def test_with_an_address_and_no_router_it_says_so(venue: Venue, tmp_path: Path) -> None:
    lend(venue, tmp_path, "--ra-param=line,high,10,0")
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(
            lambda: "no router announces itself on wan1" in family_of(daemon), within_s=30
        )
