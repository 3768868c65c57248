"""The pytest plugin of the run inside the VM: what is repeated there, and reports for the host.

A processor is emulated, and ten times slower than the real one. So what the host's own kernel could
not run is run here, all of it; of the rest, what hangs on the kernel, one case of each test.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

REPORTS = Path("/mnt/reports.jsonl")
HOST_LACKS = frozenset(os.environ.get("LBROUTER_HOST_LACKS", "").split())
"""Features (lbrouter.kernel.read.features) that the kernel of the host does not have."""

TOPOLOGY_TESTS = frozenset({
    "test_identical_uplinks_are_told_apart",
    "test_foreign_mark_bits_survive_on_packets_and_connections",
    "test_nothing_uninvited_reaches_a_client",
})  # fmt: skip
"""Of the topology ring: each job of the gateway once. Such a test takes half a minute here."""


CONTRACT_FILES = frozenset({
    "test_features.py",
    "test_foreign_objects.py",
    "test_kernel_objects.py",
    "test_tc.py",
    "test_transaction.py",
    "test_whole_config.py",
})  # fmt: skip
"""Out of the contract ring: what writes to the kernel and reads it back. Probes, stores and locks
are the same on every kernel."""

SLOW_TESTS = frozenset({
    "test_a_refusal_on_the_way_up_leaves_a_bare_machine",
    "test_a_refusal_on_the_way_down_leaves_all_that_stood",
})  # fmt: skip
"""Half a minute each, and test_transaction.py has the same on a smaller state."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = select_items(items)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def select_items(items: list[pytest.Item]) -> set[pytest.Item]:
    real = [item for item in items if not is_excluded(item)]
    last_case = {base_name(item): item for item in real if is_worth_repeating(item)}
    return {item for item in real if needed_features(item) & HOST_LACKS} | set(last_case.values())


def is_excluded(item: pytest.Item) -> bool:
    """Slow tests, and cases of the simulated kernel, which is the same everywhere."""
    case = item.name.removeprefix(base_name(item)).strip("[]").split("-")
    return item.get_closest_marker("slow") is not None or "simulated" in case


def is_worth_repeating(item: pytest.Item) -> bool:
    if "topology" in item.path.parts:
        return base_name(item) in TOPOLOGY_TESTS
    return item.path.name in CONTRACT_FILES and base_name(item) not in SLOW_TESTS


def base_name(item: pytest.Item) -> str:
    return item.name.split("[")[0]


def needed_features(item: pytest.Item) -> set[str]:
    return {name for mark in item.iter_markers("needs") for name in mark.args}


def pytest_configure(config: pytest.Config) -> None:
    """Reports are written by the process that receives them from all workers."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(ReportWriter(config))


class ReportWriter:
    """Writes each report down at once: what ends a run early takes nothing with it."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.write({"started": nodeid})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.pytest_runtest_logreport(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        hook = self.config.hook
        serial = hook.pytest_report_to_serializable(config=self.config, report=report)
        serial.pop("node", None)  # the worker that ran it, which xdist adds
        self.write(serial)

    @staticmethod
    def write(line: dict[str, Any]) -> None:
        with REPORTS.open("a") as file:
            file.write(json.dumps(line) + "\n")
