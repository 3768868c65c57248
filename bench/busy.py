"""Our own load and the line's loss: 20 % of the upload is lost while guests fill the download.

What the guests do must not hide it: the show, which tolerates 2 %, has to leave as soon as without
them. Half of the runs are the control, without load.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import replace

from bench.attempts import repeat_runs
from bench.failing.lines import FAULT_CONFIG, ONE_WAY_MS, running_gateway, wait_until
from bench.figures import Figure, timing_row
from bench.options import BenchOptions
from bench.steady import LOADED_RATES, start_loads

UPLOAD_LOSS_PERCENT = 20
FULL_DOWNLOAD_BPS = 17_000_000
"""Of the 20 Mbit/s of these lines: what counts as full."""
LEAVE_PROMISE_S = 4

BUSY_CONFIG = re.sub(r"(\[uplinks\.\w+\]\n)", rf"\1{LOADED_RATES}", FAULT_CONFIG)


def leave_time_s(options: BenchOptions, *, loaded: bool) -> float:
    """Seconds from the first lost packet until the show has another line."""
    with running_gateway(BUSY_CONFIG) as (venue, daemon, events):
        load = replace(options, download=True, upload=False)
        loads = start_loads(venue, load) if loaded else []
        try:
            if loaded:
                wait_until(
                    lambda: daemon.uplink("fiber")["download_bps"] > FULL_DOWNLOAD_BPS,
                    "the download is not full",
                )
            began = time.monotonic()
            venue.isp("fiber").impair(loss_up_percent=UPLOAD_LOSS_PERCENT, delay_ms=ONE_WAY_MS)
            wait_until(
                lambda: events.first(began, lambda event: event.get("kind") == "move") is not None,
                "the show does not leave",
            )
            return time.monotonic() - began
        finally:
            for process in loads:
                process.close()


def measure(options: BenchOptions) -> Iterator[Figure]:
    """`options.runs` of each."""
    for loaded, name in ((True, "full own download"), (False, "no load")):
        title = f"{UPLOAD_LOSS_PERCENT} % loss of the upload, {name}: the show has left"
        found = repeat_runs(
            options, f"busy: {name}", lambda loaded=loaded: leave_time_s(options, loaded=loaded)
        )
        yield timing_row(title, f"{LEAVE_PROMISE_S} s", found, unit="s", digits=2)
