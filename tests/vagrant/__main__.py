"""Runs the scenarios on five machines under Vagrant, and prints the results as a Markdown table.

Run by tools/vagrant-lab.sh (`make vagrant-test`). Arguments are names of scenarios to run.
With LBROUTER_VAGRANT_KEEP=1 the machines are neither made nor destroyed.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from subprocess import SubprocessError

from tests.vagrant import scenarios
from tests.vagrant.lab import Lab, LabError, keep_machines, log_progress
from tests.vagrant.scenarios import Scenario, ScenarioResult
from tests.vagrant.traffic import Traffic

SCENARIOS: dict[str, tuple[str, Scenario]] = {
    "apply": ("`apply` of a changed file", scenarios.apply),
    "balance": ("balance 60/40, counted at the providers", scenarios.balance),
    "link-down": ("isp-a: cable pulled", scenarios.link_down),
    "black-hole": ("isp-a: black hole", scenarios.black_hole),
    "reboot": ("gateway rebooted", scenarios.reboot),
    "cut-session": ("SSH cut amid `apply --confirm-within 60s`", scenarios.cut_session),
    "power-cut": ("gateway's power cut amid `apply`", scenarios.power_cut),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One scenario that ran; `took_s` on the clock of this host."""

    title: str
    result: ScenarioResult
    took_s: float

    def markdown_row(self) -> str:
        """As Markdown."""
        text = " ".join(self.result.text.replace("|", "\\|").split())
        verdict = "pass" if self.result.passed else "FAIL"
        return f"| {self.title} | {text} | {self.took_s:.0f} s | {verdict} |"


def run_scenario(title: str, scenario: Callable[[], ScenarioResult]) -> ResultRow:
    """Run one scenario; an error that stops it is its result."""
    log_progress(title)
    began = time.monotonic()
    try:
        seen = scenario()
    except (LabError, SubprocessError, OSError, ValueError, LookupError) as trouble:
        seen = ScenarioResult(text=f"{type(trouble).__name__}: {trouble}"[:600], passed=False)
    row = ResultRow(title=title, result=seen, took_s=time.monotonic() - began)
    log_progress(row.markdown_row())
    return row


def run_all(names: list[str]) -> Iterator[ResultRow]:
    """Run all. Without machines there are no scenarios, and the machines are always destroyed."""
    lab = Lab()
    try:
        if keep_machines():
            lab.prepare_access()
        else:
            yield (
                first := run_scenario("`vagrant up` of five machines", lambda: scenarios.up(lab))
            )
            if not first.result.passed:
                return
        yield from run_with_traffic(lab, names)
    finally:
        if not keep_machines():
            yield run_scenario("`vagrant destroy`", lambda: scenarios.destroy(lab))


def run_with_traffic(lab: Lab, names: list[str]) -> Iterator[ResultRow]:
    """Run the scenarios, with traffic."""
    traffic = Traffic(lab)
    try:
        for name in names:
            title, scenario = SCENARIOS[name]
            yield run_scenario(title, lambda scenario=scenario: scenario(lab, traffic))  # type: ignore[misc]
    finally:
        traffic.close()


def main() -> int:
    """Exit code 0 when every row is as it must be."""
    names = sys.argv[1:] or list(SCENARIOS)
    if unknown := set(names) - set(SCENARIOS):
        print(
            f"no such act: {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}",
            file=sys.stderr,
        )
        return 64
    began = time.monotonic()
    rows = list(run_all(names))
    print("| what was done | what was seen | took | |\n|---|---|---|---|")
    print("\n".join(row.markdown_row() for row in rows))
    passed = sum(row.result.passed for row in rows)
    print(f"\n{passed} of {len(rows)} passed, {time.monotonic() - began:.0f} s in all")
    return 0 if rows and passed == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
