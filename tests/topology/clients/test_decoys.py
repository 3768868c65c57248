"""A process of another user that looks like our dnsmasq: never ended, never taken for ours."""

import os
import signal
from pathlib import Path

import pytest

from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue
from lbrouter.services import process
from lbrouter.services.dnsmasq import Dnsmasq
from tests.kit.commands import AS_NOBODY, require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.slow_neighbours import with_names
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

WAIT_FOR_A_LINE = ("sh", "-c", "read line")
"""A shell keeps the words behind these as its arguments."""


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(with_names(FAILOVER_CONFIG))


def dnsmasq(venue: Venue) -> Dnsmasq:
    return Dnsmasq(venue.gateway.runtime_dir, venue.gateway.state_dir)


def own_pid(venue: Venue) -> int:
    """0 where it does not run; while it starts there are two."""
    found = dnsmasq(venue).pids()
    return found[0] if len(found) == 1 else 0


def start_decoy(venue: Venue, *before: str) -> LabProcess:
    """The words of the one that runs, word by word."""
    words = process.command_line(own_pid(venue))
    decoy = venue.gateway.start([*AS_NOBODY, *before, *WAIT_FOR_A_LINE, *words])
    mark = f"--conf-file={dnsmasq(venue).file}"
    assert eventually(lambda: mark in process.command_line(decoy.process.pid))
    assert eventually(lambda: process.owner(decoy.process.pid) == 65534)
    return decoy


def is_asked(venue: Venue) -> bool:
    return "10.10.10.1:53" in venue.gateway.check_output(["ss", "-lnuH"])


def test_a_decoy_neither_ends_ours_nor_keeps_it_dead(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway):
        assert eventually(lambda: own_pid(venue) > 0, within_s=15)
        decoy = start_decoy(venue)
        for _ in range(2):
            before = own_pid(venue)
            assert before != decoy.process.pid
            os.kill(before, signal.SIGKILL)
            assert eventually(lambda b=before: own_pid(venue) not in (0, b), within_s=15)
            assert eventually(lambda: is_asked(venue))
    require_success(venue.gateway.run_lbrouter("down"))
    assert own_pid(venue) == 0
    assert decoy.process.poll() is None, "what is another user's is not ended"


def test_a_decoy_is_nothing_where_it_is_not_known_which_one_is_ours(venue: Venue) -> None:
    """The record is lost, as after a crash: then owners count, and the numbers in a pid file do
    not.
    """
    require_success(venue.gateway.run_lbrouter("apply"))
    before = own_pid(venue)
    decoy = start_decoy(venue)
    folder = venue.gateway.runtime_dir
    (folder / "dnsmasq.process").unlink()
    (folder / "dnsmasq.pid").write_text(f"{decoy.process.pid}\n", encoding="ascii")
    assert own_pid(venue) == before
    assert require_success(venue.gateway.run_lbrouter("apply")) == "nothing to change\n"
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: own_pid(venue) == 0)
    assert "applied: 1 change" in require_success(venue.gateway.run_lbrouter("apply"))
    assert own_pid(venue) not in (0, decoy.process.pid)
    assert is_asked(venue)
    assert decoy.process.poll() is None


def test_a_number_that_has_another_owner_now_is_not_ours(venue: Venue) -> None:
    """A stale record names the decoy's number: the moment of its start is another one."""
    require_success(venue.gateway.run_lbrouter("apply"))
    before = own_pid(venue)
    decoy = start_decoy(venue)
    record = venue.gateway.runtime_dir / "dnsmasq.process"
    ticks = record.read_text(encoding="ascii").split()[1]
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: process.identify(before) is None)
    record.write_text(f"{decoy.process.pid} {ticks}\n", encoding="ascii")
    assert own_pid(venue) == 0
    assert "applied: 1 change" in require_success(venue.gateway.run_lbrouter("apply"))
    assert own_pid(venue) not in (0, decoy.process.pid)
    assert decoy.process.poll() is None


def test_a_program_of_roots_that_another_user_started_is_not_ours(
    venue: Venue, tmp_path: Path
) -> None:
    """It runs as root, but its user may go back to being another one: a setuid program."""
    require_success(venue.gateway.run_lbrouter("apply"))
    words = process.command_line(own_pid(venue))
    script = "import os,sys; os.setresuid(65534, 0, 0); sys.stdin.readline()"
    decoy = venue.gateway.start(["/usr/bin/python3", "-c", script, *words])
    assert eventually(lambda: process.owner(decoy.process.pid) is None)
    (venue.gateway.runtime_dir / "dnsmasq.process").unlink()
    before = own_pid(venue)
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: own_pid(venue) == 0)
    require_success(venue.gateway.run_lbrouter("apply"))
    assert own_pid(venue) not in (0, decoy.process.pid)
    assert decoy.process.poll() is None
