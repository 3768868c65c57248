"""Beside us, on the same line and at the same fault: dpinger's algorithm, and foolsm itself.

dpinger does not run here, so it is a model (`bench.inside.monitor`), with the defaults of pfSense
and of OPNsense. Each peer has `runs` monitors on the line at once, their phases spread over an
interval: so one fault gives as many samples. What their systems do beside probing (links that go
down are announced to them as well) and after the alarm (reloading rules) is not in the figures.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from bench.attempts import attempts
from bench.failing.foolsm import Foolsm, installed
from bench.failing.lines import ONE_WAY_MS, gateway_at_work, wait
from bench.failing.moves import inside, is_down, told
from bench.figures import Figure, counted, timed
from bench.options import Options
from lbrouter.rehearsal.lab.hosts import Isp
from tests.topology.conftest import eventually

TARGET = "8.8.8.8"
WARM_S = 62.0
"""Their window of 60 s is full: a younger one would raise the alarm sooner."""

PROFILES: Final = {
    "pfSense": {
        "interval_s": 0.5, "late_s": 2.0, "period_s": 60.0, "loss_percent": 20, "check_s": 1.0,
    },
    "OPNsense": {
        "interval_s": 1.0, "late_s": 4.0, "period_s": 60.0, "loss_percent": 20, "check_s": 1.0,
    },
}  # fmt: skip
"""Netgate's page on gateway logs, and OPNsense's `getDpingerDefaults`."""

FOOLSM: Final = "foolsm"
NAMES: Final = {
    "pfSense": "dpinger's algorithm (model), pfSense's defaults",
    "OPNsense": "dpinger's algorithm (model), OPNsense's defaults",
    FOOLSM: "foolsm, its own defaults",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is done to the line, how long the peers are waited for, and what we do about it."""

    name: str
    work: Callable[[Isp], None]
    patience_s: float
    ours: str


FAULTS: Final = (
    Fault(name="cable pulled", work=lambda isp: isp.carrier(up=False), patience_s=30, ours="down"),
    Fault(name="black hole", work=lambda isp: isp.blackhole(on=True), patience_s=30, ours="down"),
    Fault(
        name="10 % loss each way",
        work=lambda isp: isp.impair(loss_percent=10, delay_ms=ONE_WAY_MS),
        patience_s=120,
        ours="the show has left",
    ),
)


@dataclass(slots=True)
class Seen:
    """Alarms after the fault, in seconds, by peer; alarms before it are false."""

    alarms: dict[str, list[float]] = field(default_factory=dict)
    false: dict[str, int] = field(default_factory=dict)
    ours: float | None = None


def one(fault: Fault, count: int) -> Seen:
    """All peers warm up on a good line; then the fault; then their alarms."""
    with gateway_at_work() as (venue, _, events):
        began = time.monotonic()
        request = {"to": TARGET, "interface": "wan1", "profiles": PROFILES, "count": count}
        monitors = inside(venue.gateway, "monitor", request)
        monitors.line()
        foolsm = _foolsm(venue.gateway, count)
        _until(began + WARM_S)
        at = time.monotonic()
        fault.work(venue.isp("fiber"))
        eventually(
            lambda: foolsm is not None and len(foolsm.alarms(at)) == count,
            within_s=fault.patience_s,
        )
        _until(at + min(fault.patience_s, WARM_S / 2) if fault.ours == "down" else at)
        rows = told(monitors)
        seen = Seen(ours=events.first(at, is_down("fiber") if fault.ours == "down" else _left))
        for name in PROFILES:
            seen.alarms[name] = _first(rows, name, at)
            seen.false[name] = sum(1 for r in rows if r[0] == name and r[4] and r[2] < at)
        if foolsm is not None:
            seen.alarms[FOOLSM] = foolsm.alarms(at)
            seen.false[FOOLSM] = len(foolsm.alarms(began)) - len(seen.alarms[FOOLSM])
            foolsm.close()
        return seen


def _foolsm(gateway: Any, count: int) -> Foolsm | None:
    if not installed():
        return None
    return Foolsm(gateway, to=TARGET, interface="wan1", count=count)


def _left(event: dict[str, Any]) -> bool:
    return event.get("kind") == "move" and event.get("subject") == "show"


def _until(moment: float) -> None:
    wait(lambda: time.monotonic() >= moment, "the clock stands", within_s=WARM_S + 10)


def _first(rows: list[list[Any]], name: str, at: float) -> list[float]:
    """Each monitor's first alarm after `at`."""
    found: dict[int, float] = {}
    for profile, number, when, _, on in rows:
        if profile == name and on and when >= at:
            found.setdefault(number, when - at)
    return sorted(found.values())


def measure(options: Options) -> Iterator[Figure]:
    """One fault of each kind, `options.runs` monitors of each peer."""
    for fault in FAULTS:
        for seen in _once(options, fault):
            yield from _rows(fault, seen, options.runs)


def _once(options: Options, fault: Fault) -> list[Seen]:
    name = f"failing: peers: {fault.name}"
    return attempts(options, name, lambda: one(fault, options.runs), count=1)


def _rows(fault: Fault, seen: Seen, runs: int) -> Iterator[Figure]:
    """One row for each peer, and ours."""
    if seen.ours is not None:
        yield timed(
            f"{fault.name}, the same line: lbrouter: {fault.ours}",
            "", [seen.ours], unit="s", digits=2,
        )  # fmt: skip
    for name, alarms in seen.alarms.items():
        yield _row(fault, NAMES[name], alarms, runs)
        if seen.false[name]:
            what = f"{fault.name}: {NAMES[name]}: false alarms before it"
            yield counted(what, "0", seen.false[name], of="", runs=runs)


def _row(fault: Fault, name: str, alarms: list[float], count: int) -> Figure:
    what = f"{fault.name}, the same line: {name}: alarm after"
    row = timed(what, "", alarms, unit="s", digits=1)
    if len(alarms) == count:
        return row
    silent = f"{count - len(alarms)} of {count} without one in {fault.patience_s:.0f} s"
    seen = f"{row.seen}; {silent}" if alarms else silent
    return Figure(what=what, promise="", seen=seen, runs=count, samples=row.samples)
