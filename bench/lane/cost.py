"""What a lane costs beside plain WireGuard over one line: throughput, and processor time.

From the gateway to the relay's inside address, by UDP; the plain tunnel is made by hand beside the
lane. Both in turn, so that a busy machine meets both.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median

from bench.figures import Figure
from bench.lane.path_cost import measure_path
from bench.lane.plain_tunnel import PLAIN_FAR, PLAIN_NEAR, make_plain_tunnel
from bench.lane.venues import wireguard_row
from bench.options import BenchOptions
from lbrouter.kernel.read.features import features
from lbrouter.rehearsal.lab.host import Host
from lbrouter.rehearsal.lab.process import LabError
from tests.kit.live_streams.lane_venue import UNSHAPED_LANE_CONFIG, LaneVenue, running_lane
from tests.kit.wait import VM_SLOWDOWN

COST_RATES_MBIT = (10, 100)
EMULATED_RATES_MBIT = (1, 3)
"""What a processor that is emulated carries by plain WireGuard too."""

COST_S = 6
COST_PAIRS = 3
IPERF_PORT = 5201
LANE_ENDS = ("10.255.0.2", "10.255.0.1")
PLAIN_ENDS = (PLAIN_NEAR, PLAIN_FAR)
"""Addresses inside: the gateway's, the relay's."""

DATAGRAM_BYTES = 1300


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSample:
    """Throughput at the relay, and microseconds of the processor for each packet that came.

    `gateway` and `relay` are those of the two wireguard-go; the gateway's sends by way of the
    simulated providers, and pays for that. 0 where the kernel encrypts.
    """

    mbit: float
    whole: float
    gateway: float
    relay: float


def measure(options: BenchOptions) -> Iterator[Figure]:
    """Both rates, in pairs."""
    yield wireguard_row()
    with running_lane(UNSHAPED_LANE_CONFIG) as found:
        make_plain_tunnel(found.venue, "lane")
        server = found.venue.relays["lane"].start(["iperf3", "-s", "-p", str(IPERF_PORT)])
        for rate in EMULATED_RATES_MBIT if VM_SLOWDOWN > 1 else COST_RATES_MBIT:
            lane, plain = [], []
            for number in range(COST_PAIRS):
                lane.append(_run(found, LANE_ENDS, rate))
                plain.append(_run(found, PLAIN_ENDS, rate))
                options.log_progress(f"lane: cost at {rate}: {lane[number]} {plain[number]}")
            for field in fields(CostSample):
                if all(getattr(each, field.name) for each in plain):
                    yield _row(rate, lane, plain, field.name)
        server.close()
        yield from measure_path(found)


ROW_WORDS = {
    "mbit": ("throughput", "Mbit/s"),
    "whole": ("processor for a packet", "us"),
    "gateway": ("processor for a packet, the gateway's wireguard-go", "us"),
    "relay": ("processor for a packet, the relay's wireguard-go", "us"),
}


def _row(rate: int, lane: list[CostSample], plain: list[CostSample], field: str) -> Figure:
    words, unit = ROW_WORDS[field]
    ours, theirs = ([float(getattr(each, field)) for each in some] for some in (lane, plain))
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    seen = f"{median(ratios):.2f} ({median(ours):.2f} and {median(theirs):.2f} {unit})"
    what = f"lane at {rate} Mbit/s: {words}, by plain WireGuard's"
    return Figure(what=what, promise="said", seen=seen, runs=len(ratios), samples=tuple(ratios))


def _run(found: LaneVenue, ends: tuple[str, str], rate_mbit: int) -> CostSample:
    gateway = found.venue.gateway
    near, far = ends
    argv = ["iperf3", "-u", "-J", "-c", far, "-B", near, "-p", str(IPERF_PORT)]
    size = ["-l", str(DATAGRAM_BYTES), "-b", f"{rate_mbit}M", "-t", str(COST_S)]
    before = _processor_seconds(found)
    answer = json.loads(gateway.check_output([*argv, *size]))
    used = [b - a for a, b in zip(before, _processor_seconds(found), strict=True)]
    if "error" in answer:
        raise LabError(answer["error"])
    summary = answer["end"]["sum"]
    share = 1 - summary["lost_percent"] / 100
    whole, own, relay = (seconds / (summary["packets"] * share) * 1e6 for seconds in used)
    came = summary["bits_per_second"] * share / 1e6
    return CostSample(mbit=came, whole=whole, gateway=own, relay=relay)


def _processor_seconds(found: LaneVenue) -> tuple[float, float, float]:
    """Of the machine where the kernel encrypts; of the two wireguard-go where they do."""
    ticks = os.sysconf("SC_CLK_TCK")
    if "wireguard" in features():
        columns = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
        busy = [int(each) for place, each in enumerate(columns[:8]) if place not in (3, 4)]
        return sum(busy) / ticks, 0.0, 0.0
    own, relay = (
        sum(map(_process_ticks, _wireguard_pids(host))) / ticks
        for host in (found.venue.gateway, found.venue.relays["lane"])
    )
    return own + relay, own, relay


def _wireguard_pids(host: Host) -> list[str]:
    named = host.run(["ip", "netns", "pids", host.namespace]).stdout.split()
    return [pid for pid in named if _command_name(pid) == "wireguard-go"]


def _command_name(pid: str) -> str:
    path = Path(f"/proc/{pid}/comm")
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def _process_ticks(pid: str) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
