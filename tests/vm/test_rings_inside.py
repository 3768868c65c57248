"""The contract and topology rings on the kernel that users run: Debian's own."""

import pytest

from tests.vm.machine import Outcome, Run

pytestmark = pytest.mark.timeout(0)  # the machine has a bound of its own, for the whole ring


@pytest.mark.parametrize("feature", ["vlan", "htb", "fq_codel", "netem", "cake"])
def test_stock_debian_can(inside: Run, feature: str) -> None:
    assert inside.features.get(feature) == "yes"


def test_each_test_inside(inside: Run, request: pytest.FixtureRequest) -> None:
    """Hands on each inner result as one of this run: counted, and printed when not passed."""
    request.session.testscollected += len(inside.outcomes)
    for outcome in inside.outcomes:
        request.config.hook.pytest_runtest_logreport(report=report_of(outcome))
    assert inside.outcomes, inside.log[-4000:]


def report_of(outcome: Outcome) -> pytest.TestReport:
    location = ("tests/vm (inside)", None, outcome.name)
    longrepr: str | tuple[str, int, str] | None = outcome.failure
    if outcome.skipped is not None:
        longrepr = ("tests/vm (inside)", 0, outcome.skipped.splitlines()[0])
    return pytest.TestReport(
        nodeid=f"tests/vm (inside)::{outcome.name}",
        location=location,
        keywords={},
        outcome=outcome.result,
        longrepr=longrepr,
        when="call",
        duration=outcome.seconds,
    )


def test_nothing_failed_outside_of_a_test(inside: Run) -> None:
    results = {item.result for item in inside.outcomes}
    assert "passed" in results, inside.log[-4000:]
    assert inside.status == (1 if "failed" in results else 0), inside.log[-4000:]
