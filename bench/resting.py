"""What the daemon costs while nothing happens: memory and processor, two uplinks and six VLANs."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from bench.figures import Figure
from bench.files import config_of_size
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.config_text import FAST_HEALTH
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.wait import eventually

DAEMON_SETTLE_S = 15.0
RESTING_SPAN_S = 60.0
TICKS = os.sysconf("SC_CLK_TCK")
LOSS_TOLERANCE = '[policies.all]\ntolerate = { loss = "2%" }\n'
"""The lines of a policy with a limit of loss are probed three times as often."""


def measure() -> Iterator[Figure]:
    """A minute at rest, probes every 100 ms; then the same where a policy has a limit of loss."""
    text = FAST_HEALTH + config_of_size(uplinks=2, vlans=6, shaped=True)
    yield from _resting(text, "probes every 100 ms")
    yield from _resting(text.replace("[policies.all]\n", LOSS_TOLERANCE), "every 33 ms")


def _resting(text: str, what: str) -> Iterator[Figure]:
    config = parse(text.encode(), source="bench").config
    with Venue.build(config) as venue, GatewayDaemon(venue.gateway) as daemon:
        if not eventually(lambda: daemon.status()["uplinks"]["u2"]["rtt_ms"] is not None):
            raise RuntimeError("the daemon hears no answers")
        pause = Event()
        pause.wait(DAEMON_SETTLE_S)
        begun, used = time.monotonic(), _cpu_s(daemon.proc_dir)
        pause.wait(RESTING_SPAN_S)
        share = (_cpu_s(daemon.proc_dir) - used) / (time.monotonic() - begun)
        sizes = _sizes(daemon.proc_dir)
    row = _row(what)
    yield row("resident memory", "60 MB", f"{sizes['Rss'] / 1024:.1f} MB")
    yield row("its own share of it (PSS)", "", f"{sizes['Pss'] / 1024:.1f} MB")
    yield row("processor", "2 % of one core", f"{100 * share:.2f} %")


def _row(what: str) -> Callable[[str, str, str], Figure]:
    def row(name: str, promise: str, seen: str) -> Figure:
        return Figure(what=f"daemon at rest, {what}: {name}", promise=promise, seen=seen, runs=1)

    return row


def _cpu_s(folder: Path) -> float:
    """Seconds of processor so far, in user mode and in the kernel (proc(5), stat)."""
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _sizes(folder: Path) -> dict[str, int]:
    """The rows of smaps_rollup, in KiB."""
    rows = [line.split() for line in (folder / "smaps_rollup").read_text().splitlines()[1:]]
    return {name.rstrip(":"): int(size) for name, size, *_ in rows}
