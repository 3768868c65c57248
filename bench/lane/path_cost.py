"""What the copying costs the gateway without encryption: processor time of a packet on its way out.

A datagram with the mark and the source of WireGuard's own packets takes their way: to nowhere, and
a copy by each line. Beside it one that leaves by one line, as plain WireGuard's do. Time, not
speed: so a busy machine and an emulated processor measure it alike.
"""

import sys
from collections.abc import Iterator, Sequence
from statistics import median

from bench.figures import Figure
from lbrouter.model.reserved_ids import LANE_LOCAL_ADDRESS, lane_mark, uplink_mark
from tests.kit.live_streams.lane_venue import LaneVenue

PATH_RUNS = 5
PATH_PACKETS = 4000
UNUSED_PORT = 9999
FIBER_NUMBER, LANE_NUMBER = 1, 3
NEXTHOP_MAPS = ("lane_nexthop_3_1", "lane_nexthop_3_2")
MARKED_SENDER = """
import resource, socket, sys
mark, source, to, port, count = int(sys.argv[1]), sys.argv[2], sys.argv[3], *map(int, sys.argv[4:])
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
out.bind((source, 0))
out.connect((to, port))
begun = resource.getrusage(resource.RUSAGE_SELF)
for _ in range(count):
    try:
        out.send(bytes(1400))
    except OSError:
        pass
ended = resource.getrusage(resource.RUSAGE_SELF)
print(ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime)
"""


def measure_path(found: LaneVenue) -> Iterator[Figure]:
    """The daemon is stopped, and the providers swallow everything: what stands is measured."""
    found.daemon.stop()
    for isp in found.venue.isps.values():
        isp.set_blackhole(on=True)
    line = str(found.venue.layout.line("fiber").ipv4.address.ip)
    plain, both = [], []
    for _ in range(PATH_RUNS):
        plain.append(_cost_us(found, uplink_mark(FIBER_NUMBER), line))
        both.append(_cost_us(found, lane_mark(LANE_NUMBER), str(LANE_LOCAL_ADDRESS)))
    for name in NEXTHOP_MAPS:
        found.venue.gateway.check_output(["nft", "flush", "map", "ip", "lbrouter", name])
    nowhere = [
        _cost_us(found, lane_mark(LANE_NUMBER), str(LANE_LOCAL_ADDRESS)) for _ in range(PATH_RUNS)
    ]
    yield _path_row("by both lines", both, plain)
    yield _path_row("to nowhere, without a copy", nowhere, plain)


def _path_row(what: str, ours: Sequence[float], plain: Sequence[float]) -> Figure:
    ratio = median(ours) / median(plain)
    seen = f"{ratio:.2f} ({median(ours):.1f} and {median(plain):.1f} us)"
    name = f"lane: processor of a packet {what}, by that of one line, without encryption"
    return Figure(what=name, promise="said", seen=seen, runs=len(ours), samples=tuple(ours))


def _cost_us(found: LaneVenue, mark: int, source: str) -> float:
    relay = str(found.venue.relays["lane"].layout.address)
    argv = [sys.executable, "-I", "-S", "-c", MARKED_SENDER, str(mark), source, relay]
    argv += [str(UNUSED_PORT), str(PATH_PACKETS)]
    return float(found.venue.gateway.check_output(argv)) / PATH_PACKETS * 1e6
