"""What a provider hands over, on the wire: tags, MAC addresses, names for DHCP, larger and smaller
packets, further addresses, interfaces that come back under another name.
"""

import json
import re

import pytest

from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.hosts import GatewayHost
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually
from tests.topology.uplinks.dhcp_uplinks import (
    DHCP_CONFIG,
    EXTERNAL_CONFIG,
    STATIC_CONFIG,
    ScriptedDhcpServer,
    build_configured,
    comes_up,
    uplink_state_text,
    write_config,
)

NARROW_LINE = (
    "add table ip narrow;"
    " add chain ip narrow forward { type filter hook forward priority -20; };"
    " add rule ip narrow forward meta length gt 1420 drop"
)
FIBER = 'interface = "wan1"'


def mac_of(gateway: GatewayHost, interface: str = "wan1") -> str:
    [link] = json.loads(gateway.check_output(["ip", "-json", "link", "show", interface]))
    return str(link["address"])


def rename(gateway: GatewayHost, old: str, new: str) -> None:
    gateway.check_output(["ip", "link", "set", old, "down"])
    gateway.check_output(["ip", "link", "set", old, "name", new])
    gateway.check_output(["ip", "link", "set", new, "up"])


def by_mac(text: str, mac: str) -> str:
    return text.replace(FIBER, f'interface = {{ mac = "{mac}" }}')


def with_fiber_keys(text: str, keys: str) -> str:
    return text.replace(FIBER, f"{FIBER}\n{keys}")


def test_a_stick_that_comes_back_under_another_name_joins_by_itself(
    build_venue: VenueBuilder,
) -> None:
    venue = build_venue(STATIC_CONFIG)
    gateway = venue.gateway
    write_config(venue, by_mac(STATIC_CONFIG, mac_of(gateway)))
    with GatewayDaemon(gateway) as daemon:
        assert comes_up(venue)
        assert daemon.uplink("fiber")["interface"] == "wan1"
        rename(gateway, "wan1", "stick7")
        assert eventually(lambda: daemon.uplink("fiber")["interface"] == "stick7"), (
            uplink_state_text(venue)
        )
        assert comes_up(venue)
        assert eventually(lambda: uplink_of_new_flow(venue) == "fiber")
        assert daemon.has_logged("fiber is plugged into stick7 now")
        assert gateway.run_lbrouter("plan").returncode == ExitCode.DONE
        gateway.check_output(["ip", "link", "del", "stick7"])
        assert eventually(
            lambda: uplink_state_text(venue).startswith("waiting: no interface has the MAC")
        )
        assert "there are: " in uplink_state_text(venue)
        assert eventually(lambda: uplink_of_new_flow(venue) == "lte")


def test_a_mac_address_that_two_interfaces_have_is_refused_by_name(
    build_venue: VenueBuilder,
) -> None:
    venue = build_venue(STATIC_CONFIG)
    gateway = venue.gateway
    mac = mac_of(gateway)
    write_config(venue, by_mac(STATIC_CONFIG, mac))
    gateway.check_output(
        ["ip", "link", "add", "twin", "address", mac, "type", "veth", "peer", "name", "twin2"]
    )
    for verb in ("check", "plan", "apply"):
        done = gateway.run_lbrouter(verb)
        assert done.returncode == ExitCode.CONFIG, done.stdout
        assert "2 interfaces have it: twin, wan1" in done.stderr


def test_a_smaller_mtu_is_kept_by_all_that_is_forwarded(build_venue: VenueBuilder) -> None:
    """The provider drops what is longer and says nothing."""
    venue = build_configured(build_venue, with_fiber_keys(STATIC_CONFIG, "mtu = 1420"))
    venue.isp("fiber").run_script(f"nft '{NARROW_LINE}'")
    require_success(venue.gateway.run_lbrouter("apply"))
    client = venue.client("stream")
    target = str(venue.layout.servers[0])
    ping = client.run(["ping", "-c", "1", "-W", "2", "-M", "do", "-s", "1472", target])
    assert "mtu = 1420" in ping.stdout + ping.stderr or "mtu=1420" in ping.stdout + ping.stderr
    small = client.run(["ping", "-c", "1", "-W", "2", "-M", "do", "-s", "1392", target])
    assert small.returncode == 0, small.stdout


def test_the_mac_address_of_the_file_is_spoken_and_the_old_one_given_back(
    build_venue: VenueBuilder,
) -> None:
    venue = build_configured(
        build_venue, with_fiber_keys(STATIC_CONFIG, 'mac = "02:00:00:00:00:07"')
    )
    gateway, isp = venue.gateway, venue.isp("fiber")
    old = mac_of(gateway)
    require_success(gateway.run_lbrouter("apply"))
    assert gateway.run_lbrouter("plan").returncode == ExitCode.DONE
    assert uplink_of_new_flow(venue) == "fiber"
    assert "02:00:00:00:00:07" in isp.check_output(["ip", "neigh", "show", "203.0.113.2"])
    require_success(gateway.run_lbrouter("down"))
    assert mac_of(gateway) == old


def test_the_dhcp_server_is_told_the_names_of_the_file(build_venue: VenueBuilder) -> None:
    text = with_fiber_keys(
        DHCP_CONFIG, 'hostname = "event-box"\nclient_id = "01:02:03:04:05:06:07"'
    )
    venue = build_configured(build_venue, text)
    server = ScriptedDhcpServer(venue.isp("fiber"), mode="answer")
    with GatewayDaemon(venue.gateway) as daemon:
        assert comes_up(venue), daemon.log_text()
        sent = server.log()[0]["options"]
        assert (bytes.fromhex(sent["12"]), sent["61"]) == (b"event-box", "01020304050607")
        changed = text.replace("event-box", "other-box")
        write_config(venue, changed)
        require_success(venue.gateway.run_lbrouter("apply"))
        assert eventually(
            lambda: bytes.fromhex(server.log()[-1]["options"]["12"]) == b"other-box", within_s=20
        )


def test_further_addresses_answer_on_the_line(build_venue: VenueBuilder) -> None:
    text = with_fiber_keys(STATIC_CONFIG, 'addresses = ["203.0.113.77/32", "198.18.5.2/29"]')
    venue = build_configured(build_venue, text)
    require_success(venue.gateway.run_lbrouter("apply"))
    isp = venue.isp("fiber")
    isp.check_output(["ip", "address", "add", "198.18.5.1/29", "dev", "line"])
    for address in ("203.0.113.77", "198.18.5.2"):
        isp.run(["ping", "-c", "1", "-W", "1", address])
        assert "lladdr" in isp.check_output(["ip", "neigh", "show", address]), address
    assert venue.gateway.run_lbrouter("plan").returncode == ExitCode.DONE
    require_success(venue.gateway.run_lbrouter("down"))
    assert "203.0.113.77" not in venue.gateway.check_output(["ip", "address"])


def test_a_gateway_outside_the_subnet_is_reached_beside_a_single_address(
    build_venue: VenueBuilder,
) -> None:
    text = STATIC_CONFIG.replace("203.0.113.2/24", "203.0.113.2/32").replace(
        'gateway = "203.0.113.1"', 'gateway = "198.18.9.1"'
    )
    venue = build_configured(build_venue, text)
    venue.isp("fiber").check_output(["ip", "address", "add", "198.18.9.1/32", "dev", "line"])
    require_success(venue.gateway.run_lbrouter("apply"))
    assert uplink_of_new_flow(venue) == "fiber"


def test_a_line_whose_system_has_a_device_route_carries_flows(build_venue: VenueBuilder) -> None:
    """As wwan0, wg0 and tun have it: no gateway. Here the provider answers ARP for everybody."""
    venue = build_configured(build_venue, EXTERNAL_CONFIG, layout=EXTERNAL_CONFIG)
    gateway, isp = venue.gateway, venue.isp("fiber")
    isp.check_output(["sysctl", "-w", "net.ipv4.conf.line.proxy_arp=1"])
    gateway.run_script("ip route flush default; ip route add default dev wan1")
    with GatewayDaemon(gateway) as daemon:
        assert comes_up(venue), uplink_state_text(venue)
        assert daemon.uplink("fiber")["gateway"] is None
        assert eventually(lambda: uplink_of_new_flow(venue) == "fiber")
        table = gateway.check_output(["ip", "route", "show", "table", "7001"])
        assert re.search(r"^default dev wan1 proto 76 scope link", table, re.MULTILINE), table
        gateway.check_output(["ip", "route", "del", "default", "dev", "wan1"])
        assert eventually(
            lambda: uplink_state_text(venue).startswith("waiting: no default gateway")
        )


@pytest.mark.needs("vlan")
def test_a_line_with_the_providers_tag_is_made_used_and_taken_away(
    build_venue: VenueBuilder,
) -> None:
    venue = build_configured(build_venue, with_fiber_keys(STATIC_CONFIG, "vlan = 35"))
    gateway, isp = venue.gateway, venue.isp("fiber")
    tag_provider(venue)
    require_success(gateway.run_lbrouter("apply"))
    assert uplink_of_new_flow(venue) == "fiber"
    assert gateway.run_lbrouter("plan").returncode == ExitCode.DONE
    assert "lladdr" in isp.check_output(["ip", "neigh", "show", "203.0.113.2", "dev", "line35"])
    require_success(gateway.run_lbrouter("down"))
    assert gateway.run(["ip", "link", "show", "wan1.35"]).returncode != 0


def tag_provider(venue: Venue) -> None:
    """The provider's side of the line moves behind the tag 35."""
    isp = venue.isp("fiber")
    address = isp.check_output(["ip", "-4", "-o", "address", "show", "line"]).split()[3]
    isp.run_script(
        "ip link add link line name line35 type vlan id 35; ip link set line35 up;"
        f" ip address del {address} dev line; ip address add {address} dev line35"
    )
