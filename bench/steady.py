"""Minutes in which nothing may move: random loss of 1 % each way, or our own full load.

Without --upload and --download both lines lose 1 % each way, at random. With them the lines are
whole and shaped, and a client fills them by TCP in that direction, in both with both; with --loss
they lose so much each way besides. The peers'
algorithms monitor the same line for comparison. Every five seconds a line goes to the progress
file.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from bench.congestion import CUBIC
from bench.events import EventFollower
from bench.failing.foolsm import Foolsm, installed
from bench.failing.lines import FAULT_CONFIG, ONE_WAY_MS, wait_until
from bench.failing.moves import start_program, stop_and_read
from bench.failing.peers import DPINGER_PROFILES, FOOLSM_PEER, PEER_NAMES, PEER_TARGET
from bench.figures import Figure, count_row, timing_row
from bench.options import BenchOptions
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.wait import eventually

STEADY_LOSS_PERCENT = 1
STATUS_INTERVAL_S = 5.0
LOAD_FLOWS = 8

UPLOAD, DOWNLOAD = "8mbit", "20mbit"
LOADED_RATES = f'upload = "{UPLOAD}"\ndownload = "{DOWNLOAD}"\n'


def measure(options: BenchOptions) -> Iterator[Figure]:
    """`options.minutes` of it."""
    loaded = options.upload or options.download
    text = FAULT_CONFIG
    if loaded:
        for uplink in ("fiber", "lte"):
            text = text.replace(f"[uplinks.{uplink}]\n", f"[uplinks.{uplink}]\n{LOADED_RATES}")
    with ExitStack() as stack:
        venue = stack.enter_context(Venue.build(parse(text.encode(), source="bench").config))
        for isp in venue.isps.values():
            isp.impair(delay_ms=ONE_WAY_MS)
        daemon = stack.enter_context(GatewayDaemon(venue.gateway))
        events = stack.enter_context(EventFollower(venue.gateway.runtime_dir))
        wait_until(lambda: _up(daemon), "the lines are not up")
        request = {"to": PEER_TARGET, "interface": "wan1", "profiles": DPINGER_PROFILES, "count": 1}
        monitors = start_program(venue.gateway, "monitor", request)
        monitors.read_json()
        foolsm = None
        if installed():
            foolsm = Foolsm(venue.gateway, to=PEER_TARGET, interface="wan1", count=1)
        began = time.monotonic()
        loads = start_loads(venue, options) if loaded else []
        _add_loss(venue, options.loss if loaded else STEADY_LOSS_PERCENT)
        before = [isp.byte_counts() for isp in venue.isps.values()]
        rtts = _observe_round_trips(options, daemon, events, began)
        took = time.monotonic() - began
        after = [isp.byte_counts() for isp in venue.isps.values()]
        for load in loads:
            load.close()
        rows = stop_and_read(monitors)
        name = _name(options, took)
        yield from _false_move_rows(name, events, began)
        if loaded:
            yield from _carried_rows(name, before[0], after[0], took, rtts)
        yield from _peer_rows(name, rows, foolsm, began)


def _name(options: BenchOptions, took: float) -> str:
    ways = [way for way in ("upload", "download") if getattr(options, way)]
    lossy = f", {options.loss:g} % random loss each way" if options.loss else ""
    what = (
        f"own full {' and '.join(ways)}{lossy}"
        if ways
        else f"{STEADY_LOSS_PERCENT} % random loss each way"
    )
    return f"{took / 60:.0f} minutes of {what}"


def _add_loss(venue: Venue, loss_percent: float) -> None:
    for isp in venue.isps.values():
        isp.impair(loss_percent=loss_percent, delay_ms=ONE_WAY_MS)


def start_loads(venue: Venue, options: BenchOptions) -> list[LabProcess]:
    """iperf3 from the guests, by the line that the show uses too; its own end is beyond ours."""
    client, seconds = venue.client("guests"), round(options.minutes * 60) + 60
    jobs = []
    for port, way, wanted in ((5201, "", options.upload), (5202, "-R", options.download)):
        if wanted:
            server = venue.internet.start(
                ["iperf3", "-s", "-p", str(port), "--logfile", "/dev/null"]
            )
            listening = ["ss", "-Hltn", f"sport = :{port}"]
            wait_until(
                lambda listening=listening: bool(venue.internet.check_output(listening)),
                "iperf3 does not listen",
            )
            argv = [
                "iperf3",
                "-c",
                str(client.server_addresses[0]),
                "-p",
                str(port),
                "-P",
                str(LOAD_FLOWS),
            ]
            argv += ["-t", str(seconds), "-i", "0", *CUBIC, *([way] if way else [])]
            jobs += [client.start(argv), server]
    return jobs


def _observe_round_trips(
    options: BenchOptions, daemon: GatewayDaemon, events: EventFollower, began: float
) -> list[float]:
    """Until the time is over; the round trips that the daemon shows for the loaded line."""
    rtts = []
    until = began + options.minutes * 60
    while (now := time.monotonic()) < until:
        eventually(lambda: False, within_s=min(STATUS_INTERVAL_S, until - now))
        found = daemon.status()["uplinks"]
        if found["fiber"]["rtt_ms"] is not None:
            rtts.append(found["fiber"]["rtt_ms"])
        states = ", ".join(
            f"{name} {each['state']} {each['rtt_ms']} ms {each['loss_percent']} %"
            for name, each in found.items()
        )
        moves = len(_moves(events, began))
        options.log_progress(f"steady: {now - began:.0f} s: {states}; {moves} moves")
    return rtts


def _up(daemon: GatewayDaemon) -> bool:
    return all(each["rtt_ms"] is not None for each in daemon.status()["uplinks"].values())


def _moves(events: EventFollower, began: float) -> list[dict[str, Any]]:
    return [*events.since(began, "move"), *events.since(began, "uplink")]


def _false_move_rows(name: str, events: EventFollower, began: float) -> Iterator[Figure]:
    found = _moves(events, began)
    for event in found:
        sys.stderr.write(f"false: {event.get('text')}\n")
    yield count_row(f"{name}: false moves", "0", len(found), of="moves or changes of state", runs=1)


def _carried_rows(
    name: str,
    before: tuple[int, int],
    after: tuple[int, int],
    took: float,
    rtts: list[float],
) -> Iterator[Figure]:
    """That the line was really full, and what its round trip was meanwhile."""
    for word, old, new in zip(("upload", "download"), before, after, strict=True):
        rate = 8 * (new - old) / took / 1e6
        yield timing_row(f"{name}: {word} carried by the line", "", [rate], unit="Mbit/s", digits=1)
    yield timing_row(f"{name}: round trip that the daemon shows", "", rtts, unit="ms", digits=0)


def _peer_rows(
    name: str, rows: list[list[Any]], foolsm: Foolsm | None, began: float
) -> Iterator[Figure]:
    alarms = {
        each: sum(1 for row in rows if row[0] == each and row[4]) for each in DPINGER_PROFILES
    }
    if foolsm is not None:
        alarms[FOOLSM_PEER] = len(foolsm.alarms(began))
        foolsm.close()
    for each, count in alarms.items():
        yield count_row(f"{name}: {PEER_NAMES[each]}: false alarms", "", count, of="alarms", runs=1)
