"""A service manager's journal that reads nothing any more delays no failover."""

import fcntl
import os
import subprocess

from lbrouter.rehearsal.lab.hosts import package_env
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually

SMALLEST_PIPE_BYTES = 4096


class UnreadDaemon(GatewayDaemon):
    """Its standard error is a small pipe that is full already."""

    def start(self) -> None:
        self.reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE_BYTES)
        os.set_blocking(writing, False)
        os.write(writing, bytes(SMALLEST_PIPE_BYTES))
        os.set_blocking(writing, True)
        argv = self.gateway.exec_argv(self.gateway.lbrouter_argv("run"))
        self.process = subprocess.Popen(
            argv, env=package_env(), stderr=writing, start_new_session=True
        )
        os.close(writing)

    def log_text(self) -> str:
        return "its standard error is not read"


def test_a_daemon_whose_standard_error_is_not_read_serves_fails_over_and_ends(
    build_venue: VenueBuilder,
) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    with UnreadDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=15)
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: uplink_of_new_flow(venue) == "lte", within_s=3)
        assert [each["text"] for each in daemon.events("move")]
        assert daemon.stop() == 0
        os.close(daemon.reading)
