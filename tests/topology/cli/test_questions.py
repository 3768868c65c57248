"""Commands that do harm ask first: on a terminal a person, elsewhere they are refused."""

import os
import pty
import subprocess

import pytest

from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.hosts import package_env
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually

COMMAND_TIMEOUT_S = 30


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(FAILOVER_CONFIG)


def run_at_terminal(venue: Venue, *words: str, answer: str) -> int:
    """The exit code of `lbrouter WORDS` at a terminal, where a person types `answer`."""
    ours, theirs = pty.openpty()
    try:
        argv = process_netns.exec_argv(venue.gateway.namespace, venue.gateway.lbrouter_argv(*words))
        with subprocess.Popen(
            argv, env=package_env(), stdin=theirs, stdout=theirs, stderr=theirs
        ) as job:
            os.write(ours, answer.encode() + b"\n")
            return job.wait(COMMAND_TIMEOUT_S)
    finally:
        os.close(ours)
        os.close(theirs)


def test_the_last_usable_line_is_drained_only_with_a_yes(venue: Venue) -> None:
    gateway = venue.gateway
    with GatewayDaemon(gateway) as daemon:
        assert eventually(lambda: daemon.state("lte") == "up", within_s=10)
        refused = gateway.run_lbrouter("uplink", "drain", "lte")
        assert refused.returncode == ExitCode.TRY_AGAIN
        assert "lte is the last usable uplink of backup" in refused.stderr
        assert "new connections of guests are refused" in refused.stderr
        assert "--yes" in refused.stderr
        assert run_at_terminal(venue, "uplink", "drain", "lte", answer="n") == ExitCode.TRY_AGAIN
        assert daemon.state("lte") == "up"
        assert run_at_terminal(venue, "uplink", "drain", "lte", answer="y") == ExitCode.DONE
        assert daemon.state("lte") == "drained"
        require_success(gateway.run_lbrouter("uplink", "restore", "lte"))
        require_success(gateway.run_lbrouter("uplink", "drain", "lte", "--yes"))


def test_a_pin_onto_an_unfit_line_asks_and_then_waits(venue: Venue) -> None:
    gateway = venue.gateway
    with GatewayDaemon(gateway) as daemon:
        assert eventually(lambda: daemon.state("lte") == "up", within_s=10)
        require_success(gateway.run_lbrouter("uplink", "drain", "lte", "--yes"))
        refused = gateway.run_lbrouter("uplink", "pin", "show", "lte")
        assert refused.returncode == ExitCode.TRY_AGAIN
        assert "lte is not fit for show now: drained" in refused.stderr
        require_success(gateway.run_lbrouter("uplink", "pin", "show", "lte", "--yes"))
        assert uplink_of_new_flow(venue) == "fiber"
        explained = require_success(gateway.run_lbrouter("explain", "stream", "8.8.8.8", "--json"))
        assert "the pin to lte waits" in explained
