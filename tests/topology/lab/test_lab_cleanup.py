"""The lab leaves nothing behind: after a signal, a kill, an error."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.commands import INTERRUPTIBLE
from tests.kit.configs import TWIN_UPLINKS_CONFIG
from tests.kit.manual_gateway import configure_by_hand
from tests.kit.venues import VenueBuilder, leftover_namespaces

ROOT = Path(__file__).parents[3]

BUILDER_SCRIPT = """
import sys, signal
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.checks import runner
from lbrouter.rehearsal.lab.venue import Venue
config = parse(sys.stdin.buffer.read(), source="test").config
with runner._signals_as_exit(), Venue.build(config) as venue:
    print(venue.prefix, flush=True)
    signal.pause()
"""


@pytest.fixture
def venue_process() -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has built a venue and waits."""
    argv = [*INTERRUPTIBLE, sys.executable, "-c", BUILDER_SCRIPT]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=env) as process:
        assert process.stdin is not None
        process.stdin.write(TWIN_UPLINKS_CONFIG.encode())
        process.stdin.close()
        yield process
        if process.poll() is None:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(
    venue_process: "subprocess.Popen[bytes]", number: signal.Signals
) -> None:
    assert venue_process.stdout is not None
    prefix = venue_process.stdout.readline().decode().strip()
    assert leftover_namespaces(prefix)
    venue_process.send_signal(number)
    venue_process.wait(timeout=20)
    assert not leftover_namespaces(prefix)


def test_what_a_killed_process_left_is_swept_by_the_next(
    venue_process: "subprocess.Popen[bytes]", build_venue: VenueBuilder
) -> None:
    assert venue_process.stdout is not None
    prefix = venue_process.stdout.readline().decode().strip()
    first = build_venue(TWIN_UPLINKS_CONFIG)
    assert leftover_namespaces(prefix)  # what a living process uses stays
    venue_process.kill()
    venue_process.wait(timeout=20)
    assert leftover_namespaces(prefix)
    second = build_venue(TWIN_UPLINKS_CONFIG)
    assert not leftover_namespaces(prefix)
    for venue in (first, second):  # and venues stand side by side
        configure_by_hand(venue)
        assert not venue.client("desk").open_flows(count=2)[0]["error"]


def test_an_error_inside_leaves_nothing_behind(build_venue: VenueBuilder) -> None:
    venue = build_venue(TWIN_UPLINKS_CONFIG)
    folder = venue.folder
    venue.client("desk").start_ping()
    with pytest.raises(ZeroDivisionError), venue:
        raise ZeroDivisionError
    assert not leftover_namespaces(venue.prefix)
    assert not folder.exists()
    assert all(job.process.poll() is not None for job in venue.processes)
