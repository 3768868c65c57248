"""The one run inside the VM that all tests of this ring look at."""

import os

import pytest

from lbrouter.kernel.read.features import NEEDS, features
from tests.vm import machine

WITHIN_S = 600
"""Bound of the tests inside, so that `make test` ends in time. The summary tells what they took."""

INNER = ["tests/contract", "tests/topology"]
"""Folders, out of which tests/vm/guest_plugin.py chooses."""

RUN = pytest.StashKey[machine.Run]()


@pytest.fixture(scope="session")
def inside(request: pytest.FixtureRequest) -> machine.Run:
    """Boots Debian's kernel once and runs the rings that need a kernel in it."""
    try:
        machine.require()
    except machine.CannotBootError as reason:
        # Build machines can boot it: there, an absent package is a mistake, not a circumstance.
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))
    run = machine.run(INNER, host_lacks=frozenset(NEEDS) - features(), within_s=WITHIN_S)
    request.config.stash[RUN] = run
    return run


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says what the VM took, so that its growth is seen."""
    run = config.stash.get(RUN, None)
    if run:
        terminalreporter.write_line(
            f"VM: Linux {run.release}, up in {run.boot_s:.1f} s, "
            f"{len({report['nodeid'] for report in run.reports})} tests inside, "
            f"{run.whole_s:.0f} s in all ({run.processor_s:.0f} s of processor)"
        )
