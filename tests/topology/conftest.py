"""Venues for the topology ring: the same lab that `lbrouter rehearse` plays in.

A test asks for `venue_of` and builds what it needs from the text of a configuration; `applied` does
so and runs `lbrouter apply` in it. Whatever a test builds is gone when it ends.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.hosts import package_env
from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.venue import Venue

_PAUSE = threading.Event()
"""Never set: waiting for it lets others run between two looks."""


class VenueBuilder(Protocol):
    """Builds a venue from the text of a configuration file."""

    def __call__(self, text: str, *, style: VenueOptions | None = None) -> Venue: ...


@pytest.fixture
def build_venue() -> Iterator[VenueBuilder]:
    """Venues as they are before lbrouter is started."""
    with ExitStack() as stack:

        def build(text: str, *, style: VenueOptions | None = None) -> Venue:
            config = parse(text.encode(), source="test").config
            return stack.enter_context(Venue.build(config, options=style))

        yield build


@pytest.fixture
def build_applied_venue(build_venue: VenueBuilder) -> VenueBuilder:
    """Venues in which `lbrouter apply` has just succeeded."""

    def build(text: str, *, style: VenueOptions | None = None) -> Venue:
        venue = build_venue(text, style=style)
        require_success(venue.gateway.run_lbrouter("apply"))
        return venue

    return build


WITHOUT_CAPABILITIES = ["setpriv", "--inh-caps", "-all", "--bounding-set", "-all"]
"""Before a command: root without any right of root."""

AS_NOBODY = [*WITHOUT_CAPABILITIES, "--reuid", "65534", "--clear-groups"]
"""Before a command: another user, who may do nothing."""


def nobody_can_import_package() -> bool:
    """Whether another user can run this very package: a checkout below /root is closed to him."""
    argv = [*AS_NOBODY, sys.executable, "-c", "import lbrouter.cli.main"]
    return subprocess.run(argv, capture_output=True, env=package_env(), check=False).returncode == 0


def require_success(done: subprocess.CompletedProcess[str]) -> str:
    """Standard output of a command that had to exit with 0."""
    assert done.returncode == 0, f"{done.args} exited with {done.returncode}:\n{done.stderr}"
    return done.stdout


VM_SLOWDOWN = 4 if os.environ.get("LBROUTER_INSIDE_VM") else 1
"""Times as long as elsewhere: a program's start takes seconds on an emulated processor."""


def eventually(holds: Callable[[], bool], *, within_s: float = 5.0) -> bool:
    """Ask until `holds` or the time is over; whether it held."""
    until = time.monotonic() + within_s * VM_SLOWDOWN
    while not holds():
        if time.monotonic() > until:
            return False
        _PAUSE.wait(0.02)
    return True
