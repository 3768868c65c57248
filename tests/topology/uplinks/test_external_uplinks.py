"""Uplinks that the system configures: the daemon follows what `ip` does to them."""

import time

from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually
from tests.topology.uplinks.dhcp_uplinks import (
    EXTERNAL_CONFIG,
    build_configured,
    comes_up,
    daemon_status,
    default_route,
    ipv4_addresses,
    uplink_state_text,
)


def test_what_the_system_configures_is_followed_within_a_second(build_venue: VenueBuilder) -> None:
    venue = build_configured(build_venue, EXTERNAL_CONFIG, layout=EXTERNAL_CONFIG)
    gateway, isp = venue.gateway, venue.isp("fiber")
    [first] = ipv4_addresses(venue)
    host = first.partition("/")[0]
    theirs = isp.check_output(["ip", "-4", "-o", "address", "show", "line"]).split()[3]
    router = theirs.partition("/")[0]
    with GatewayDaemon(gateway):
        assert comes_up(venue), uplink_state_text(venue)
        assert f"via {router} dev wan1 proto 76 src {host}" in default_route(venue)
        kept = venue.client("guests").hold_connections(count=2, interval_ms=50)

        gateway.check_output(["ip", "route", "del", "default", "via", router, "dev", "wan1"])
        begun = time.monotonic()
        assert eventually(lambda: default_route(venue) == "")
        print("gateway gone, followed after", round(time.monotonic() - begun, 2))
        assert eventually(
            lambda: uplink_state_text(venue).startswith("waiting: no default gateway by wan1")
        )
        gateway.check_output(["ip", "route", "add", "default", "via", router, "dev", "wan1"])
        begun = time.monotonic()
        assert eventually(lambda: f"via {router}" in default_route(venue))
        print("gateway there, followed after", round(time.monotonic() - begun, 2))

        # Another address: what the file did not name is the system's to change, and stays so.
        second = "198.18.77.2/30"
        isp.check_output(["ip", "address", "add", "198.18.77.1/30", "dev", "line"])
        gateway.check_output(["ip", "address", "add", second, "dev", "wan1"])
        replaced = ["ip", "route", "replace", "default", "via", "198.18.77.1", "dev", "wan1"]
        gateway.check_output(replaced)
        gateway.check_output(["ip", "route", "flush", "default", "via", router])
        begun = time.monotonic()
        wanted = "via 198.18.77.1 dev wan1 proto 76 src 198.18.77.2"
        assert eventually(lambda: wanted in default_route(venue))
        print("another address, followed after", round(time.monotonic() - begun, 2))
        assert eventually(lambda: daemon_status(venue)["uplinks"]["fiber"]["address"] == second)
        gateway.check_output(["ip", "address", "flush", "dev", "wan1"])
        assert eventually(lambda: default_route(venue) == "")
        assert eventually(
            lambda: uplink_state_text(venue).startswith("waiting: no address on wan1")
        )
        assert [row["error"] for row in kept.stop() if row["error"]] == []
