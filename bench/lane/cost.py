"""What a lane costs beside plain WireGuard over one line: throughput, and processor time.

From the gateway to the relay's inside address, by UDP; the plain tunnel is made by hand beside the
lane. Both in turn, so that a busy machine meets both.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figures import Figure
from bench.lane.plain_tunnel import PLAIN_FAR, PLAIN_NEAR, make_plain_tunnel
from bench.lane.venues import wireguard_row
from bench.options import BenchOptions
from lbrouter.kernel.read.features import features
from lbrouter.rehearsal.lab.process import LabError
from tests.kit.live_streams.lane_venue import UNSHAPED_LANE_CONFIG, LaneVenue, running_lane

COST_RATES_MBIT = (10, 100)
COST_S = 6
COST_PAIRS = 3
IPERF_PORT = 5201
LANE_ENDS = ("10.255.0.2", "10.255.0.1")
PLAIN_ENDS = (PLAIN_NEAR, PLAIN_FAR)
"""Addresses inside: the gateway's, the relay's."""

DATAGRAM_BYTES = 1300


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSample:
    """Throughput at the relay, and processor seconds for each second."""

    mbit: float
    processor: float


def measure(options: BenchOptions) -> Iterator[Figure]:
    """Both rates, in pairs."""
    yield wireguard_row()
    with running_lane(UNSHAPED_LANE_CONFIG) as found:
        make_plain_tunnel(found.venue, "lane")
        server = found.venue.relays["lane"].start(["iperf3", "-s", "-p", str(IPERF_PORT)])
        for rate in COST_RATES_MBIT:
            lane, plain = [], []
            for number in range(COST_PAIRS):
                lane.append(_run(found, LANE_ENDS, rate))
                plain.append(_run(found, PLAIN_ENDS, rate))
                options.log_progress(f"lane: cost at {rate}: {lane[number]} {plain[number]}")
            yield _row(
                f"lane at {rate} Mbit/s: throughput by plain WireGuard's", lane, plain, "mbit"
            )
            yield _row(f"lane at {rate} Mbit/s: processor by plain WireGuard's", lane, plain,
                       "processor")  # fmt: skip
        server.close()


def _row(what: str, lane: list[CostSample], plain: list[CostSample], field: str) -> Figure:
    ours, theirs = ([float(getattr(each, field)) for each in some] for some in (lane, plain))
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    unit = "Mbit/s" if field == "mbit" else "processor seconds a second"
    seen = f"{median(ratios):.2f} ({median(ours):.2f} and {median(theirs):.2f} {unit})"
    return Figure(what=what, promise="said", seen=seen, runs=len(ratios), samples=tuple(ratios))


def _run(found: LaneVenue, ends: tuple[str, str], rate_mbit: int) -> CostSample:
    gateway = found.venue.gateway
    before = _processor_seconds(found)
    near, far = ends
    argv = ["iperf3", "-u", "-J", "-c", far, "-B", near, "-p", str(IPERF_PORT)]
    size = ["-l", str(DATAGRAM_BYTES), "-b", f"{rate_mbit}M", "-t", str(COST_S)]
    answer = json.loads(gateway.check_output([*argv, *size]))
    used = _processor_seconds(found) - before
    if "error" in answer:
        raise LabError(answer["error"])
    summary = answer["end"]["sum"]
    came = summary["bits_per_second"] * (1 - summary["lost_percent"] / 100)
    return CostSample(mbit=came / 1e6, processor=used / COST_S)


def _processor_seconds(found: LaneVenue) -> float:
    """Of the machine where the kernel encrypts; of the two wireguard-go where they do."""
    ticks = os.sysconf("SC_CLK_TCK")
    if "wireguard" in features():
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
        busy = [int(each) for place, each in enumerate(fields[:8]) if place not in (3, 4)]
        return sum(busy) / ticks
    return sum(_process_ticks(pid) for pid in _wireguard_pids(found)) / ticks


def _wireguard_pids(found: LaneVenue) -> list[str]:
    hosts = (found.venue.gateway, found.venue.relays["lane"])
    named = [pid for host in hosts for pid in
             host.run(["ip", "netns", "pids", host.namespace]).stdout.split()]  # fmt: skip
    return [pid for pid in named if _command_name(pid) == "wireguard-go"]


def _command_name(pid: str) -> str:
    path = Path(f"/proc/{pid}/comm")
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def _process_ticks(pid: str) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
