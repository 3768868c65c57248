"""A stream over SRT: srt-live-transmit at both ends, numbered datagrams in and out of it.

Between the two programs runs SRT alone; what it lost, and what it had to ask for again, is in its
own counters.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.live_streams.numbered_datagrams import (
    INGEST_ADDRESS,
    DatagramTrace,
    datagram_trace,
    inside_argv,
    start_receiver,
)
from tests.kit.wait import eventually

SRT_PROGRAM = "srt-live-transmit"
SRT_PORT, SRT_INNER_PORT = 9000, 9001
SRT_DATAGRAM_BYTES = 1316
SRT_DATAGRAMS_PER_SECOND = 380
"""Seven MPEG cells each: four megabits a second."""

SRT_LATENCY_MS = 120
"""Its own default."""

STATISTICS_INTERVAL = 50


def missing_srt_programs() -> str:
    """What is not installed; empty where all is there."""
    return "" if shutil.which(SRT_PROGRAM) else SRT_PROGRAM


@dataclass(frozen=True, slots=True, kw_only=True)
class SrtOutcome:
    """`lost` and `dropped` are SRT's own at the far end: packets that it saw missing, and packets
    that never came in time. `connections` counts its sockets there, `trace` is what came out.
    """

    lost: int
    dropped: int
    connections: int
    trace: DatagramTrace

    def words(self) -> str:
        """For people."""
        return (
            f"SRT: {self.lost} lost, {self.dropped} dropped, {self.connections} connections; "
            f"{self.trace.lost} of {len(self.trace.sent)} lost in all, "
            f"longest gap {self.trace.gap_ms:.0f} ms"
        )


class SrtStream:
    """Runs from its making until `stop`; datagrams come out of it when it is made."""

    def __init__(self, venue: Venue, vlan: str, folder: Path) -> None:
        folder.mkdir()
        self.statistics = folder / "srt.json"
        self.receiver = start_receiver(venue.internet, "127.0.0.1", SRT_INNER_PORT, echo=False)
        far = f"srt://{INGEST_ADDRESS}:{SRT_PORT}?mode=listener&latency={SRT_LATENCY_MS}"
        argv = [SRT_PROGRAM, "-q", f"-chunk:{SRT_DATAGRAM_BYTES}"]
        counting = [f"-s:{STATISTICS_INTERVAL}", "-pf:json", f"-statsout:{self.statistics}", "-f"]
        self.far = venue.internet.start(
            [*argv, *counting, far, f"udp://127.0.0.1:{SRT_INNER_PORT}"]
        )
        client = venue.client(vlan)
        near = f"srt://{INGEST_ADDRESS}:{SRT_PORT}?mode=caller&latency={SRT_LATENCY_MS}"
        self.near = client.start([*argv, f"udp://127.0.0.1:{SRT_INNER_PORT}", near])
        request = {"to": "127.0.0.1", "port": SRT_INNER_PORT, "source": "127.0.0.1"}
        pace = {"rate": SRT_DATAGRAMS_PER_SECOND, "size": SRT_DATAGRAM_BYTES}
        self.sender = client.start(inside_argv("datagram_sender", request | pace))
        assert eventually(lambda: bool(self.receiver.ask("count")), within_s=15)

    def stop(self) -> SrtOutcome:
        """End it; the numbers before the connection stood are left out."""
        [out] = self.sender.stop()
        [arrived] = self.receiver.stop()
        self.near.close()
        self.far.close()
        whole = datagram_trace(out, arrived)
        first = next(n for n, at in enumerate(whole.arrived) if at is not None)
        trace = whole.between(whole.sent[first], float("inf"))
        rows = list(_json_rows(self.statistics.read_text(encoding="utf-8")))
        return SrtOutcome(
            lost=int(rows[-1]["recv"]["packetsLost"]),
            dropped=int(rows[-1]["recv"]["packetsDropped"]),
            connections=len({row["sid"] for row in rows}),
            trace=trace,
        )


def _json_rows(text: str) -> Iterator[dict[str, Any]]:
    """The documents that stand one after the other, with or without commas between them."""
    decoder, place = json.JSONDecoder(), 0
    while (place := text.find("{", place)) >= 0:
        try:
            row, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError:  # the last one is not whole: its writer was stopped
            return
        yield row
