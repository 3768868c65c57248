"""Numbered UDP and SRT in a lane: a hundred faults of one line, two lossy lines, a dead relay."""

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.attempts import repeat_runs
from bench.figures import Figure, count_row, timing_row
from bench.lane.venues import ROUND_TRIP_DIFFERENCE_MS, delayed_lane, wireguard_row
from bench.options import BenchOptions
from tests.kit.live_streams.lane_venue import LINE_FAULTS, LaneVenue, LineFault
from tests.kit.live_streams.numbered_datagrams import DatagramTrace, NumberedDatagrams
from tests.kit.live_streams.srt import SrtOutcome, SrtStream, missing_srt_programs
from tests.kit.wait import eventually

FAULT_S = 2.5
SETTLE_S = 0.5
AFTER_S = 2.0
LOSSY_PERCENT = 10.0
LOSSY_WINDOWS, LOSSY_WINDOW_S = 10, 3.0
RELAY_RUNS = 5
PAUSE_EVENT = threading.Event()


def measure(options: BenchOptions) -> Iterator[Figure]:
    """`options.runs` of each fault."""
    yield wireguard_row()
    yield from _line_faults(options)
    yield from _both_lossy(options)
    yield from _relay_dies(options)


def _line_faults(options: BenchOptions) -> Iterator[Figure]:
    """In each run every fault once, in one stream; each is a window of its own."""
    runs = repeat_runs(options, "lane: faults of one line", lambda: _run_faults(options))
    windows = [window for run in runs for window in run[0]]
    name = f"lane: {len(windows)} faults of one line, UDP {500}/s"
    yield _lost_row(f"{name}: lost to the origin", windows)
    gaps = [window.gap_ms for _, window in windows]
    promise = f"p95 {50 + ROUND_TRIP_DIFFERENCE_MS} ms"
    yield timing_row(f"{name}: longest gap at the origin", promise, gaps, unit="ms", digits=0)
    for fault in LINE_FAULTS:
        only = [(title, window) for title, window in windows if title == fault.title]
        yield _lost_row(f"lane, {fault.title}: lost", only)
        back = [window.echo_gap_ms for _, window in only]
        yield timing_row(f"lane, {fault.title}: gap of the echo", "", back, unit="ms", digits=0)
    outcomes = [run[1] for run in runs if run[1] is not None]
    if not outcomes:
        yield Figure(what="lane: SRT", promise="0 lost", runs=0,
                     seen=f"not measured: {missing_srt_programs()} not installed")  # fmt: skip
        return
    sent = sum(len(each.trace.sent) for each in outcomes)
    words = f"lost, {sum(each.dropped for each in outcomes)} dropped, by SRT's own counters"
    total = sum(each.lost for each in outcomes)
    yield count_row("lane: SRT through the same faults", "0 lost", total, of=words,
                    runs=len(outcomes))  # fmt: skip
    lost = sum(each.trace.lost for each in outcomes)
    yield count_row("lane: SRT, from end to end", "0", lost, of=f"of {sent} lost",
                    runs=len(outcomes))  # fmt: skip


def _run_faults(options: BenchOptions) -> tuple[list[tuple[str, DatagramTrace]], SrtOutcome | None]:
    with delayed_lane() as found, tempfile.TemporaryDirectory() as folder:
        stream = NumberedDatagrams(found.venue, "stream")
        has_srt = not missing_srt_programs()
        srt = SrtStream(found.venue, "stream", Path(folder) / "srt") if has_srt else None
        times = [(fault.title, *_play(found, fault)) for fault in LINE_FAULTS]
        trace = stream.stop()
        outcome = srt.stop() if srt is not None else None
    windows = [(title, trace.between(begin, end)) for title, begin, end in times]
    for title, window in windows:
        options.log_progress(f"lane: {title}: {window.words()}")
    return windows, outcome


def _play(found: LaneVenue, fault: LineFault) -> tuple[float, float]:
    """When the fault began, and some seconds after its end."""
    found.wait_until_carrying(but_for=fault.line)
    PAUSE_EVENT.wait(SETTLE_S)
    began = time.monotonic()
    fault.play(found.venue, FAULT_S)
    PAUSE_EVENT.wait(AFTER_S)
    return began, time.monotonic()


def _lost_row(what: str, windows: list[tuple[str, DatagramTrace]]) -> Figure:
    lost = sum(window.lost for _, window in windows)
    sent = sum(len(window.sent) for _, window in windows)
    return count_row(what, "0", lost, of=f"of {sent}", runs=len(windows))


def _both_lossy(options: BenchOptions) -> Iterator[Figure]:
    with delayed_lane() as found:
        stream = NumberedDatagrams(found.venue, "stream")
        for isp in found.venue.isps.values():
            isp.impair(loss_percent=LOSSY_PERCENT)
        PAUSE_EVENT.wait(SETTLE_S)
        began = time.monotonic()
        PAUSE_EVENT.wait(LOSSY_WINDOWS * LOSSY_WINDOW_S)
        trace = stream.stop()
    windows = [
        trace.between(began + LOSSY_WINDOW_S * n, began + LOSSY_WINDOW_S * (n + 1))
        for n in range(LOSSY_WINDOWS)
    ]
    lost, sent = sum(each.lost for each in windows), sum(len(each.sent) for each in windows)
    options.log_progress(f"lane: both lossy: {trace.words()}")
    name = f"lane: both lines lose {LOSSY_PERCENT:.0f} % each way"
    yield Figure(what=f"{name}: lost to the origin", promise="under 1.5 %",
                 seen=f"{100 * lost / sent:.2f} % of {sent}", runs=1)  # fmt: skip
    back = [each.echo_gap_ms for each in windows]
    yield timing_row(f"{name}: gap of the echo in {LOSSY_WINDOW_S:.0f} s", "p95 100 ms", back,
                     unit="ms", digits=0)  # fmt: skip


def _relay_dies(options: BenchOptions) -> Iterator[Figure]:
    gaps, returns = [], []
    runs = repeat_runs(options, "lane: the relay dies", _relay_run, count=RELAY_RUNS)
    for gap_ms, return_s in runs:
        gaps.append(gap_ms)
        returns.append(return_s)
    name = "lane: the relay dies"
    yield timing_row(f"{name}: gap until the next line carries", "1.5 s", gaps, unit="ms", digits=0)
    yield timing_row(f"{name}: back in the lane after it answers again", "by itself", returns,
                     unit="s", digits=1)  # fmt: skip


def _relay_run() -> tuple[float, float]:
    with delayed_lane() as found:
        stream = NumberedDatagrams(found.venue, "stream")
        relay = found.venue.relays["lane"]
        if not eventually(lambda: stream.arrived_count > 250, within_s=10):
            raise RuntimeError("no stream")
        began = time.monotonic()
        relay.set_blackhole(on=True)
        before = stream.arrived_count
        if not eventually(lambda: stream.arrived_count > before + 500, within_s=20):
            raise RuntimeError("no other line took the stream")
        repaired = time.monotonic()
        relay.restore()
        found.wait_until_whole()
        returned = time.monotonic() - repaired
        trace = stream.stop()
    return trace.between(began - 0.1, repaired).gap_ms, returned
