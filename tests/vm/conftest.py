"""The one run inside the VM that all tests of this ring look at."""

import os

import pytest

from lbrouter.kernel.read.features import FEATURE_PURPOSES, features
from tests.vm import machine

TESTS_TIMEOUT_S = 900
"""Bound of the tests inside: they take six minutes where nothing else runs, ten beside a load of
eight. The summary tells what they took."""

RINGS_INSIDE = ["tests/contract", "tests/topology"]
"""Folders, out of which tests/vm/guest_plugin.py chooses."""

RUN_KEY = pytest.StashKey[machine.GuestRun]()


@pytest.fixture(scope="session")
def guest_run(request: pytest.FixtureRequest) -> machine.GuestRun:
    """Boots Debian's kernel once and runs the rings that need a kernel in it."""
    try:
        machine.require_vm_tools()
    except machine.CannotBootError as reason:
        # Build machines can boot it: there, an absent package is a mistake, not a circumstance.
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))
    run = machine.run_pytest(
        RINGS_INSIDE, host_lacks=frozenset(FEATURE_PURPOSES) - features(), within_s=TESTS_TIMEOUT_S
    )
    request.config.stash[RUN_KEY] = run
    return run


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Shows the times of the VM, so that their growth is seen."""
    run = config.stash.get(RUN_KEY, None)
    if run:
        terminalreporter.write_line(
            f"VM: Linux {run.release}, up in {run.boot_s:.1f} s, "
            f"{len({report['nodeid'] for report in run.reports})} tests inside, "
            f"{run.whole_s:.0f} s in all ({run.processor_s:.0f} s of processor)"
        )
