"""Uplinks that the system configures: the daemon follows what `ip` does to them."""

import time

from tests.kit.gateway_daemon import Daemon
from tests.topology.conftest import VenueOf, eventually
from tests.topology.uplinks.dhcp_uplinks import (
    EXTERNAL,
    addresses,
    built,
    default_of,
    is_up,
    reason,
    status,
)


def test_what_the_system_configures_is_followed_within_a_second(venue_of: VenueOf) -> None:
    venue = built(venue_of, EXTERNAL, layout=EXTERNAL)
    gateway, isp = venue.gateway, venue.isp("fiber")
    [first] = addresses(venue)
    host = first.partition("/")[0]
    theirs = isp.check(["ip", "-4", "-o", "address", "show", "line"]).split()[3]
    router = theirs.partition("/")[0]
    with Daemon(gateway):
        assert is_up(venue), reason(venue)
        assert f"via {router} dev wan1 proto 76 src {host}" in default_of(venue)
        kept = venue.client("guests").hold(count=2, interval_ms=50)

        gateway.check(["ip", "route", "del", "default", "via", router, "dev", "wan1"])
        begun = time.monotonic()
        assert eventually(lambda: default_of(venue) == "")
        print("gateway gone, followed after", round(time.monotonic() - begun, 2))
        assert eventually(lambda: reason(venue).startswith("waiting: no default gateway by wan1"))
        gateway.check(["ip", "route", "add", "default", "via", router, "dev", "wan1"])
        begun = time.monotonic()
        assert eventually(lambda: f"via {router}" in default_of(venue))
        print("gateway there, followed after", round(time.monotonic() - begun, 2))

        # Another address: what the file did not name is the system's to change, and stays so.
        second = "198.18.77.2/30"
        isp.check(["ip", "address", "add", "198.18.77.1/30", "dev", "line"])
        gateway.check(["ip", "address", "add", second, "dev", "wan1"])
        replaced = ["ip", "route", "replace", "default", "via", "198.18.77.1", "dev", "wan1"]
        gateway.check(replaced)
        gateway.check(["ip", "route", "flush", "default", "via", router])
        begun = time.monotonic()
        wanted = "via 198.18.77.1 dev wan1 proto 76 src 198.18.77.2"
        assert eventually(lambda: wanted in default_of(venue))
        print("another address, followed after", round(time.monotonic() - begun, 2))
        assert eventually(lambda: status(venue)["uplinks"]["fiber"]["address"] == second)
        gateway.check(["ip", "address", "flush", "dev", "wan1"])
        assert eventually(lambda: default_of(venue) == "")
        assert eventually(lambda: reason(venue).startswith("waiting: no address on wan1"))
        assert [row["error"] for row in kept.stop() if row["error"]] == []
