"""The daemon in trouble: parts that fail, lines that flap, hands that undo what it did."""

import re
import shutil
import time

import pytest

from lbrouter.rehearsal.lab.hosts import Gateway
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import Daemon
from tests.topology.conftest import VenueOf, eventually
from tests.topology.failover.test_failover import TWO, carrier_of

NONSENSE = TWO.replace(
    '["icmp://8.8.8.8", "icmp://1.1.1.1"]',
    '["icmp://8.8.8.8", "icmp://1.1.1.1", "https://no.such.name.invalid/", "tcp://192.0.2.77:9"]',
)
RATED = TWO.replace('gateway = "203.0.113.1"', 'gateway = "203.0.113.1"\nupload = "50mbit"')
FLAPS = 100


@pytest.fixture
def venue(venue_of: VenueOf) -> Venue:
    return venue_of(TWO)


def test_parts_that_fail_are_reported_and_failover_works(venue_of: VenueOf) -> None:
    venue = venue_of(NONSENSE)
    with Daemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10), "targets are wrong"
        for name in ("history.db", "history.db-wal", "history.db-shm"):
            (venue.gateway.state_dir / name).unlink(missing_ok=True)
        (venue.gateway.state_dir / "history.db").mkdir()
        (venue.gateway.runtime_dir / "control.sock").unlink()
        venue.isp("fiber").blackhole(on=True)
        assert eventually(lambda: daemon.says("move:", "show", "lte"), within_s=10)
        assert carrier_of(venue) == "lte"
        assert eventually(lambda: daemon.says("the control socket failed"), within_s=10)
        assert eventually(daemon.serves, within_s=10)
        shutil.rmtree(venue.gateway.runtime_dir)
        venue.isp("fiber").blackhole(on=False)
        assert eventually(lambda: carrier_of(venue) == "fiber", within_s=15)
        assert eventually(daemon.serves, within_s=10)
        assert daemon.state("fiber") == "up"


def test_a_line_that_flaps_a_hundred_times_costs_the_other_nothing(venue: Venue) -> None:
    with Daemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        others = venue.client("guests").hold(count=5, interval_ms=50)
        descriptors = daemon.descriptors()
        venue.isp("fiber").flap(times=FLAPS, period_s=0.06)
        assert eventually(daemon.serves, within_s=10)
        assert [row["error"] for row in others.stop() if row["error"]] == []
        assert len(daemon.events("move")) <= 4, "there, and back when it is quiet"
        assert eventually(lambda: daemon.descriptors() <= descriptors + 2, within_s=10)
        assert not daemon.says("trouble:")


DAMAGES = {
    "ip rule delete pref 10090": "ip rule show pref 10090",
    "ip route flush table 7001": "ip route show table 7001",
    "tc qdisc delete dev wan1 root": "tc class show dev wan1",  # its qdisc counts what passed it by
    "nft delete table inet lbrouter": "nft list set inet lbrouter uplinks",
}
"""What somebody does, and where it is seen."""


def seen(gateway: Gateway, look: str) -> list[str]:
    """What a command prints, without the handles that the kernel deals out to leaves."""
    return re.sub(r" leaf \w+:", "", gateway.run(look.split()).stdout).splitlines()


def test_what_is_deleted_is_back_in_about_a_second(venue_of: VenueOf) -> None:
    venue = venue_of(RATED)
    gateway = venue.gateway
    with Daemon(gateway) as daemon:
        for damage, look in DAMAGES.items():
            # The damage before may have looked like an outage: first all is as it was.
            assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
            whole = seen(gateway, look)
            assert whole, look
            gateway.check(damage.split())
            begun = time.monotonic()
            assert eventually(lambda: seen(gateway, look) == whole, within_s=10), look  # noqa: B023
            print(damage, "is back after", time.monotonic() - begun)
            assert time.monotonic() - begun < 2.5, "one second, and what a busy machine adds"
        assert daemon.events("repair")
