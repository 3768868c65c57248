"""The one run inside the VM that all tests of this ring look at."""

import os

import pytest

from tests.vm import machine

WITHIN_S = 400
"""Bound of the whole ring, so that `make test` ends in time. The summary tells what it took."""

INNER = [
    "tests/contract",
    "tests/topology",
    "--ignore=tests/contract/test_store.py",  # files on a disk: no kernel of ours in it
]

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
    run = machine.run(INNER, folder=machine.fresh_folder(), within_s=WITHIN_S)
    request.config.stash[RUN] = run
    return run


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says what the VM took, so that its growth is seen."""
    run = config.stash.get(RUN, None)
    if run:
        terminalreporter.write_line(
            f"VM: Linux {run.release} booted in {run.boot_s:.1f} s; {len(run.outcomes)} tests "
            f"inside took {run.inside_s:.0f} s; in all {run.whole_s:.0f} s, "
            f"{run.processor_s:.0f} s of them of one processor"
        )
