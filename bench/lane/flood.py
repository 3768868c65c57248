"""Guests flood five times what both lines carry: copies of the lane, and its stream's delay."""

import json
import sys
import threading
import time
from collections.abc import Iterator

from bench.figures import Figure, p95
from bench.flooded import UDP_SENDER
from bench.lane.venues import delayed_lane, wireguard_row
from bench.options import BenchOptions
from tests.kit.live_streams.lane_venue import LANE_CONFIG, LANE_LINES, LaneVenue
from tests.kit.live_streams.numbered_datagrams import (
    INGEST_ADDRESS,
    DatagramTrace,
    NumberedDatagrams,
)

FLOOD_S = 10.0
FLOOD_SETTLE_S = 2.0
FLOOD_FACTOR = 5
FLOOD_PORT = 10
FLOODED_LINES_MBIT = {"fiber": 5, "lte": 3}
"""Narrow enough for an emulated processor to fill both of them five times over."""

FLOODED_CONFIG_CHANGES = {
    '"50mbit"': '"5mbit"',
    '"30mbit"': '"3mbit"',
    '"14mbit"': '"1400kbit"',
    '"4mbit"': '"400kbit"',
    '"2mbit"': '"200kbit"',
}
"""A tenth of all rates of the usual file."""

FLOODED_STREAM_RATE = 200
"""Datagrams a second: with WireGuard 0.8 Mbit/s, within the guarantee."""
COUNTED_TABLE = "copies"
PAUSE_EVENT = threading.Event()


def measure(options: BenchOptions) -> Iterator[Figure]:
    """Idle, then flooded."""
    yield wireguard_row()
    with delayed_lane(_flooded_config()) as found:
        _count_copies(found)
        stream = NumberedDatagrams(found.venue, "stream", rate=FLOODED_STREAM_RATE)
        PAUSE_EVENT.wait(FLOOD_SETTLE_S)
        idle = _window(FLOOD_S)
        _start_flood(found)
        PAUSE_EVENT.wait(FLOOD_SETTLE_S)
        before, sent_before = _copies(found), _uploads(found)
        flooded = _window(FLOOD_S)
        after, sent_after = _copies(found), _uploads(found)
        trace = stream.stop()
    quiet, busy = trace.between(*idle), trace.between(*flooded)
    options.log_progress(f"lane: flood: idle {quiet.words()}; flooded {busy.words()}")
    total = sum(FLOODED_LINES_MBIT.values())
    name = f"lane: guests flood {FLOOD_FACTOR} times the {total} Mbit/s of both lines"
    for line in LANE_LINES:
        came, sent = (after[each] - before[each] for each in (line, "sent"))
        carried = 8 * (sent_after[line] - sent_before[line]) / (flooded[1] - flooded[0]) / 1e6
        full = f"its {FLOODED_LINES_MBIT[line]} Mbit/s less 5 % of headroom"
        yield Figure(what=f"{name}: {line} carried up", promise=full,
                     seen=f"{carried:.2f} Mbit/s", runs=1, samples=(carried,))  # fmt: skip
        dropped = max(0, sent - came) / sent if sent else 1.0
        yield Figure(what=f"{name}: copies dropped on {line}", promise="0",
                     seen=f"{100 * dropped:.2f} % ({came} came of {sent})", runs=1)  # fmt: skip
    yield Figure(what=f"{name}: lost to the origin", promise="0",
                 seen=f"{busy.lost} of {len(busy.sent)}", runs=1)  # fmt: skip
    added = p95(_delays_ms(busy)) - p95(_delays_ms(quiet))
    yield Figure(what=f"{name}: stream's p95 added", promise="20 ms", seen=f"{added:.1f} ms",
                 runs=1, samples=(added,))  # fmt: skip


def _flooded_config() -> str:
    text = LANE_CONFIG
    for usual, narrow in FLOODED_CONFIG_CHANGES.items():
        text = text.replace(usual, narrow)
    return text


def _window(seconds: float) -> tuple[float, float]:
    began = time.monotonic()
    PAUSE_EVENT.wait(seconds)
    return began, time.monotonic()


def _delays_ms(trace: DatagramTrace) -> list[float]:
    pairs = zip(trace.sent, trace.arrived, strict=True)
    return [(came - sent) * 1000 for sent, came in pairs if came is not None]


def _start_flood(found: LaneVenue) -> None:
    rate = FLOOD_FACTOR * sum(FLOODED_LINES_MBIT.values()) * 1e6
    argv = [sys.executable, "-I", "-S", "-c", UDP_SENDER, INGEST_ADDRESS, str(FLOOD_PORT)]
    found.venue.client("guests").start([*argv, str(rate), str(FLOOD_S + 3 * FLOOD_SETTLE_S)])


def _count_copies(found: LaneVenue) -> None:
    """At the relay, by the line that each copy came by."""
    relay = found.venue.relays["lane"]
    rules, counters = [], []
    for line in LANE_LINES:
        source = found.venue.layout.line(line).ipv4.internet_address
        counters.append(f"counter {line} {{ }}")
        rules.append(f"udp dport {relay.layout.port} ip saddr {source} counter name {line}")
    hook = "type filter hook prerouting priority -500"
    text = "\n".join([*counters, f"chain arrived {{ {hook};", *rules, "}"])
    relay.check_output(["nft", "-f", "-"], stdin=f"table ip {COUNTED_TABLE} {{\n{text}\n}}\n")


def _uploads(found: LaneVenue) -> dict[str, int]:
    """Bytes that each provider has had from the gateway."""
    return {name: isp.byte_counts()[0] for name, isp in found.venue.isps.items()}


def _copies(found: LaneVenue) -> dict[str, int]:
    """Copies so far: `sent` by the gateway's WireGuard, and those that came by each line."""
    shown = found.venue.gateway.check_output(["ip", "-s", "-json", "link", "show", "lbr-lane"])
    counts = {"sent": int(json.loads(shown)[0]["stats64"]["tx"]["packets"])}
    argv = ["nft", "-j", "list", "counters", "table", "ip", COUNTED_TABLE]
    listed = json.loads(found.venue.relays["lane"].check_output(argv))["nftables"]
    for each in (row["counter"] for row in listed if "counter" in row):
        counts[each["name"]] = int(each["packets"])
    return counts
