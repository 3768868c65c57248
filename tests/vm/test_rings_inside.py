"""The contract and topology rings on the kernel that users run: Debian's own."""

import pytest

from tests.vm.machine import GuestRun

pytestmark = pytest.mark.timeout(0)  # the machine has a bound of its own, for the whole ring


@pytest.mark.parametrize("feature", ["vlan", "htb", "fq_codel", "netem", "cake"])
def test_stock_debian_can(guest_run: GuestRun, feature: str) -> None:
    assert guest_run.features.get(feature) == "yes"


def test_each_test_inside(guest_run: GuestRun, request: pytest.FixtureRequest) -> None:
    """Hands on each report from inside as one of this run: counted, and shown when not passed."""
    hook = request.config.hook
    request.session.testscollected += len({report["nodeid"] for report in guest_run.reports})
    for serial in guest_run.reports:
        report = hook.pytest_report_from_serializable(config=request.config, data=dict(serial))
        report.nodeid = f"inside the VM: {report.nodeid}"
        if isinstance(report, pytest.CollectReport):
            hook.pytest_collectreport(report=report)
            continue
        if isinstance(report.longrepr, list):  # JSON has no tuples
            report.longrepr = tuple(report.longrepr)
        hook.pytest_runtest_logreport(report=report)
    assert guest_run.reports, guest_run.log


def test_the_run_inside_came_to_its_end(guest_run: GuestRun) -> None:
    assert guest_run.unfinished == (), guest_run.log
    assert guest_run.ended, guest_run.log
