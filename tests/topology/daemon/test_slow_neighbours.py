"""Failover beside what hangs: a program at its start, a webhook, devices by the hundred."""

import os
import signal
import time
from pathlib import Path

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.slow_neighbours import (
    DEVICE_COUNT,
    HangingDnsmasq,
    add_devices_script,
    start_mute_server,
    with_names,
    with_webhook,
)
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually

FAILOVER_WITHIN_S = 1.0
"""From a pulled cable to the event of the move: far more than it takes, far less than a hang."""


def moved_after_s(venue: Venue, daemon: GatewayDaemon) -> float:
    """Pull the cable; the seconds until the daemon has moved the show."""
    begun = time.monotonic()
    venue.isp("fiber").set_carrier(up=False)
    assert eventually(lambda: daemon.has_logged("move:", "show", "go by lte"), within_s=30)
    took = time.monotonic() - begun
    assert uplink_of_new_flow(venue) == "lte"
    print(f"moved after {took:.2f} s")
    return took


def test_dnsmasq_that_hangs_at_its_start_delays_no_failover(build_venue: VenueBuilder) -> None:
    venue = build_venue(with_names(FAILOVER_CONFIG))
    dnsmasq = HangingDnsmasq(venue.gateway.config_path.parent)
    with GatewayDaemon(venue.gateway, wrapper=dnsmasq.wrapper) as daemon:
        pid_file = venue.gateway.runtime_dir / "dnsmasq.pid"
        assert eventually(pid_file.exists, within_s=15)
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        dnsmasq.hang()
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        assert eventually(dnsmasq.is_hanging, within_s=15)
        assert moved_after_s(venue, daemon) < FAILOVER_WITHIN_S
        status = daemon.status()
        assert status["policies"]["show"]["active"] == ["lte"], "it answers meanwhile, too"
        dnsmasq.release()
        assert eventually(pid_file.exists, within_s=30), "it is started again when that can be"


def test_a_daemon_that_starts_beside_it_serves_at_once(build_venue: VenueBuilder) -> None:
    venue = build_venue(with_names(FAILOVER_CONFIG))
    dnsmasq = HangingDnsmasq(venue.gateway.config_path.parent)
    dnsmasq.hang()
    begun = time.monotonic()
    with GatewayDaemon(venue.gateway, wrapper=dnsmasq.wrapper) as daemon:
        assert time.monotonic() - begun < 10, "a start of dnsmasq is given up after 20 s"
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        assert moved_after_s(venue, daemon) < FAILOVER_WITHIN_S
        dnsmasq.release()


def test_a_webhook_that_hangs_delays_no_failover(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    server = str(venue.client("stream").server_addresses[0])
    mute = start_mute_server(venue.internet, server)
    text = venue.gateway.config_path.read_text(encoding="utf-8")
    venue.write_config(parse(with_webhook(text, server).encode(), source="webhook").config)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        venue.isp("lte").set_carrier(up=False)
        assert eventually(lambda: daemon.state("lte") == "down")
        venue.isp("lte").set_carrier(up=True)
        assert eventually(lambda: bool(mute.ask("count")), within_s=15), "an alert is on its way"
        assert eventually(lambda: daemon.state("lte") == "up", within_s=15)
        assert moved_after_s(venue, daemon) < FAILOVER_WITHIN_S


@pytest.mark.slow
def test_devices_by_the_hundred_delay_no_failover(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    gateway = venue.gateway
    with GatewayDaemon(gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        churn = gateway.start(["sh", "-c", add_devices_script()])
        assert eventually(lambda: device_count(daemon) > DEVICE_COUNT // 10, within_s=30)
        assert moved_after_s(venue, daemon) < 2 * FAILOVER_WITHIN_S
        churn.close()
        assert eventually(lambda: daemon.status()["kernel"]["verified"], within_s=30)
        assert not daemon.has_logged("trouble:", "does not hold")


def device_count(daemon: GatewayDaemon) -> int:
    lines = Path(daemon.proc_dir / "net/dev").read_text(encoding="ascii").splitlines()
    return sum(1 for line in lines if line.lstrip().startswith("many"))


@pytest.mark.parametrize("verb", ["run", "down", "guard"])
def test_verbs_beside_a_daemon_say_how_to_stop_it(build_venue: VenueBuilder, verb: str) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    with GatewayDaemon(venue.gateway) as daemon:
        done = venue.gateway.run_lbrouter(verb)
        assert done.returncode == 75
        assert f"process {daemon.proc_dir.name}" in done.stderr
        assert f"kill {daemon.proc_dir.name}" in done.stderr
    require_success(venue.gateway.run_lbrouter("down"))
