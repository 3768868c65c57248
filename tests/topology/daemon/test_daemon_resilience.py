"""The daemon in trouble: tasks that fail, lines that flap, changes by other programs."""

import re
import shutil
import time

import pytest

from lbrouter.rehearsal.lab.hosts import GatewayHost
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually

UNUSABLE_TARGETS_CONFIG = FAILOVER_CONFIG.replace(
    '["icmp://8.8.8.8", "icmp://1.1.1.1"]',
    '["icmp://8.8.8.8", "icmp://1.1.1.1", "https://no.such.name.invalid/", "tcp://192.0.2.77:9"]',
)
RATED_CONFIG = FAILOVER_CONFIG.replace(
    'gateway = "203.0.113.1"', 'gateway = "203.0.113.1"\nupload = "50mbit"'
)
FLAP_COUNT = 100


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(FAILOVER_CONFIG)


def test_tasks_that_fail_are_reported_and_failover_works(build_venue: VenueBuilder) -> None:
    venue = build_venue(UNUSABLE_TARGETS_CONFIG)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10), "targets are wrong"
        for name in ("history.db", "history.db-wal", "history.db-shm"):
            (venue.gateway.state_dir / name).unlink(missing_ok=True)
        (venue.gateway.state_dir / "history.db").mkdir()
        (venue.gateway.runtime_dir / "control.sock").unlink()
        venue.isp("fiber").set_blackhole(on=True)
        assert eventually(lambda: daemon.has_logged("move:", "show", "lte"), within_s=10)
        assert uplink_of_new_flow(venue) == "lte"
        assert eventually(lambda: daemon.has_logged("the control socket failed"), within_s=10)
        assert eventually(daemon.is_serving, within_s=10)
        shutil.rmtree(venue.gateway.runtime_dir)
        venue.isp("fiber").set_blackhole(on=False)
        assert eventually(lambda: uplink_of_new_flow(venue) == "fiber", within_s=15)
        assert eventually(daemon.is_serving, within_s=10)
        assert daemon.state("fiber") == "up"


def test_a_line_that_flaps_a_hundred_times_costs_the_other_nothing(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        others = venue.client("guests").hold_connections(count=5, interval_ms=50)
        descriptors = daemon.descriptor_count()
        venue.isp("fiber").flap(times=FLAP_COUNT, period_s=0.06)
        assert eventually(daemon.is_serving, within_s=10)
        assert [row["error"] for row in others.stop() if row["error"]] == []
        assert len(daemon.events("move")) <= 4, "there, and back when it is quiet"
        assert eventually(lambda: daemon.descriptor_count() <= descriptors + 2, within_s=10)
        assert not daemon.has_logged("trouble:")


DAMAGE_COMMANDS = {
    "ip rule delete pref 10090": "ip rule show pref 10090",
    "ip route flush table 7001": "ip route show table 7001",
    "tc qdisc delete dev wan1 root": "tc class show dev wan1",  # its qdisc counts what passed it by
    "nft delete table inet lbrouter": "nft list set inet lbrouter uplinks",
}
"""Damage by another program, and the command that shows it."""


def output_lines(gateway: GatewayHost, command: str) -> list[str]:
    """What a command prints, without the handles that the kernel assigns to leaf qdiscs."""
    return re.sub(r" leaf \w+:", "", gateway.run(command.split()).stdout).splitlines()


def test_what_is_deleted_is_back_in_about_a_second(build_venue: VenueBuilder) -> None:
    venue = build_venue(RATED_CONFIG)
    gateway = venue.gateway
    with GatewayDaemon(gateway) as daemon:
        for damage, show in DAMAGE_COMMANDS.items():
            # The damage before may have looked like an outage: wait until it is over.
            assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
            whole = output_lines(gateway, show)
            assert whole, show
            gateway.check_output(damage.split())
            begun = time.monotonic()
            assert eventually(lambda: output_lines(gateway, show) == whole, within_s=10), show  # noqa: B023
            print(damage, "is back after", time.monotonic() - begun)
            assert time.monotonic() - begun < 2.5, "one second, and what a busy machine adds"
        assert daemon.events("repair")
