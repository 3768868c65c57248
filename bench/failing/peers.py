"""Peer programs on the same line and at the same fault: dpinger's algorithm, and foolsm itself.

dpinger does not run here, so it is a model (`bench.inside.monitor`), with the defaults of pfSense
and of OPNsense. Each peer has `runs` monitors on the line at once, their phases spread over an
interval: so one fault gives as many samples. What their systems do beside probing (links that go
down are announced to them as well) and after the alarm (reloading rules) is not in the figures.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from bench.attempts import repeat_runs
from bench.failing.foolsm import Foolsm, installed
from bench.failing.lines import ONE_WAY_MS, running_gateway, wait_until
from bench.failing.moves import is_down, start_program, stop_and_read
from bench.figures import Figure, count_row, timing_row
from bench.options import BenchOptions
from lbrouter.rehearsal.lab.hosts import Isp
from tests.kit.wait import eventually

PEER_TARGET = "8.8.8.8"
PEER_WARM_UP_S = 62.0
"""Their window of 60 s is full: a younger one would raise the alarm sooner."""

DPINGER_PROFILES: Final = {
    "pfSense": {
        "interval_s": 0.5, "late_s": 2.0, "period_s": 60.0, "loss_percent": 20, "check_s": 1.0,
    },
    "OPNsense": {
        "interval_s": 1.0, "late_s": 4.0, "period_s": 60.0, "loss_percent": 20, "check_s": 1.0,
    },
}  # fmt: skip
"""Netgate's page on gateway logs, and OPNsense's `getDpingerDefaults`."""

FOOLSM_PEER: Final = "foolsm"
PEER_NAMES: Final = {
    "pfSense": "dpinger's algorithm (model), pfSense's defaults",
    "OPNsense": "dpinger's algorithm (model), OPNsense's defaults",
    FOOLSM_PEER: "foolsm, its own defaults",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerFault:
    """The fault of the line, how long the peers are waited for, and our own reaction."""

    name: str
    inject: Callable[[Isp], None]
    alarm_timeout_s: float
    ours: str


PEER_FAULTS: Final = (
    PeerFault(
        name="cable pulled",
        inject=lambda isp: isp.set_carrier(up=False),
        alarm_timeout_s=30,
        ours="down",
    ),
    PeerFault(
        name="black hole",
        inject=lambda isp: isp.set_blackhole(on=True),
        alarm_timeout_s=30,
        ours="down",
    ),
    PeerFault(
        name="10 % loss each way",
        inject=lambda isp: isp.impair(loss_percent=10, delay_ms=ONE_WAY_MS),
        alarm_timeout_s=120,
        ours="the show has left",
    ),
)


@dataclass(slots=True)
class PeerAlarms:
    """Alarms after the fault, in seconds, by peer; alarms before it are false."""

    alarms: dict[str, list[float]] = field(default_factory=dict)
    false_alarms: dict[str, int] = field(default_factory=dict)
    ours: float | None = None


def run_once(fault: PeerFault, count: int) -> PeerAlarms:
    """All peers warm up on a good line; then the fault; then their alarms."""
    with running_gateway() as (venue, _, events):
        began = time.monotonic()
        request = {
            "to": PEER_TARGET,
            "interface": "wan1",
            "profiles": DPINGER_PROFILES,
            "count": count,
        }
        monitors = start_program(venue.gateway, "monitor", request)
        monitors.read_json()
        foolsm = _foolsm(venue.gateway, count)
        _wait_until_time(began + PEER_WARM_UP_S)
        at = time.monotonic()
        fault.inject(venue.isp("fiber"))
        eventually(
            lambda: foolsm is not None and len(foolsm.alarms(at)) == count,
            within_s=fault.alarm_timeout_s,
        )
        _wait_until_time(
            at + min(fault.alarm_timeout_s, PEER_WARM_UP_S / 2) if fault.ours == "down" else at
        )
        rows = stop_and_read(monitors)
        seen = PeerAlarms(
            ours=events.first(at, is_down("fiber") if fault.ours == "down" else _is_show_move)
        )
        for name in DPINGER_PROFILES:
            seen.alarms[name] = _first_alarms(rows, name, at)
            seen.false_alarms[name] = sum(1 for r in rows if r[0] == name and r[4] and r[2] < at)
        if foolsm is not None:
            seen.alarms[FOOLSM_PEER] = foolsm.alarms(at)
            seen.false_alarms[FOOLSM_PEER] = len(foolsm.alarms(began)) - len(
                seen.alarms[FOOLSM_PEER]
            )
            foolsm.close()
        return seen


def _foolsm(gateway: Any, count: int) -> Foolsm | None:
    if not installed():
        return None
    return Foolsm(gateway, to=PEER_TARGET, interface="wan1", count=count)


def _is_show_move(event: dict[str, Any]) -> bool:
    return event.get("kind") == "move" and event.get("subject") == "show"


def _wait_until_time(moment: float) -> None:
    wait_until(lambda: time.monotonic() >= moment, "the clock stands", within_s=PEER_WARM_UP_S + 10)


def _first_alarms(rows: list[list[Any]], name: str, at: float) -> list[float]:
    """Each monitor's first alarm after `at`."""
    found: dict[int, float] = {}
    for profile, number, when, _, on in rows:
        if profile == name and on and when >= at:
            found.setdefault(number, when - at)
    return sorted(found.values())


def measure(options: BenchOptions) -> Iterator[Figure]:
    """One fault of each kind, `options.runs` monitors of each peer."""
    for fault in PEER_FAULTS:
        for seen in _run_fault(options, fault):
            yield from _rows(fault, seen, options.runs)


def _run_fault(options: BenchOptions, fault: PeerFault) -> list[PeerAlarms]:
    name = f"failing: peers: {fault.name}"
    return repeat_runs(options, name, lambda: run_once(fault, options.runs), count=1)


def _rows(fault: PeerFault, seen: PeerAlarms, runs: int) -> Iterator[Figure]:
    """One row for each peer, and ours."""
    if seen.ours is not None:
        yield timing_row(
            f"{fault.name}, the same line: lbrouter: {fault.ours}",
            "", [seen.ours], unit="s", digits=2,
        )  # fmt: skip
    for name, alarms in seen.alarms.items():
        yield _row(fault, PEER_NAMES[name], alarms, runs)
        if seen.false_alarms[name]:
            what = f"{fault.name}: {PEER_NAMES[name]}: false alarms before it"
            yield count_row(what, "0", seen.false_alarms[name], of="", runs=runs)


def _row(fault: PeerFault, name: str, alarms: list[float], count: int) -> Figure:
    what = f"{fault.name}, the same line: {name}: alarm after"
    row = timing_row(what, "", alarms, unit="s", digits=1)
    if len(alarms) == count:
        return row
    silent = f"{count - len(alarms)} of {count} without one in {fault.alarm_timeout_s:.0f} s"
    seen = f"{row.seen}; {silent}" if alarms else silent
    return Figure(what=what, promise="", seen=seen, runs=count, samples=row.samples)
