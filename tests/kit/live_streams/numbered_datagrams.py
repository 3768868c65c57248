"""Numbered UDP at a steady rate, both ways: what was lost, and the longest silence, of any time."""

import itertools
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lbrouter.rehearsal.lab.host import Host
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue

INSIDE = Path(__file__).parent / "inside"
DATAGRAMS_PER_SECOND = 500
DATAGRAM_BYTES = 400
DATAGRAM_PORT = 7003
INGEST_ADDRESS = "8.8.8.8"
"""An address of the lab's internet on which its own server does not listen at these ports."""


def inside_argv(program: str, request: dict[str, Any]) -> list[str]:
    """The command line of a program of this folder; `request` is in its docstring."""
    return [sys.executable, "-I", "-S", str(INSIDE / f"{program}.py"), json.dumps(request)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatagramTrace:
    """Of each number in turn: when it was sent, when it came to the far end, when its echo came
    back; None = never. Seconds of CLOCK_MONOTONIC.
    """

    sent: Sequence[float]
    arrived: Sequence[float | None]
    echoed: Sequence[float | None]
    sources: tuple[str, ...]

    def between(self, begin: float, end: float) -> "DatagramTrace":
        """What was sent in this time."""
        first = next((n for n, at in enumerate(self.sent) if at >= begin), len(self.sent))
        last = next((n for n, at in enumerate(self.sent) if at >= end), len(self.sent))
        return DatagramTrace(
            sent=self.sent[first:last],
            arrived=self.arrived[first:last],
            echoed=self.echoed[first:last],
            sources=self.sources,
        )

    @property
    def lost(self) -> int:
        """How many never came to the far end."""
        return sum(1 for at in self.arrived if at is None)

    @property
    def echoes_lost(self) -> int:
        """How many did not come back; one that was lost on the way out has no echo either."""
        return sum(1 for at in self.echoed if at is None)

    @property
    def gap_ms(self) -> float:
        """The longest time between two arrivals at the far end."""
        return _longest_gap_ms(self.arrived)

    @property
    def echo_gap_ms(self) -> float:
        """The longest time between two echoes."""
        return _longest_gap_ms(self.echoed)

    @property
    def pause_ms(self) -> float:
        """The longest time between two departures: what of a gap is the sender's own."""
        return _longest_gap_ms(self.sent)

    def words(self) -> str:
        """For people."""
        return (
            f"{self.lost} of {len(self.sent)} lost, gap {self.gap_ms:.0f} ms; back: "
            f"{self.echoes_lost} lost, gap {self.echo_gap_ms:.0f} ms; the sender's own pause "
            f"{self.pause_ms:.0f} ms; seen from {', '.join(self.sources)}"
        )


def _longest_gap_ms(times: Iterable[float | None]) -> float:
    came = sorted(at for at in times if at is not None)
    return max((b - a for a, b in itertools.pairwise(came)), default=float("inf")) * 1000


class NumberedDatagrams:
    """Runs from a client to the internet from its making until `stop`."""

    def __init__(
        self,
        venue: Venue,
        vlan: str,
        *,
        rate: int = DATAGRAMS_PER_SECOND,
        size: int = DATAGRAM_BYTES,
        port: int = DATAGRAM_PORT,
    ) -> None:
        self.receiver = start_receiver(venue.internet, INGEST_ADDRESS, port)
        client = venue.client(vlan)
        source = str(client.layout.ip_addresses(4)[0])
        request = {"to": INGEST_ADDRESS, "port": port, "source": source, "rate": rate, "size": size}
        self.sender = client.start(inside_argv("datagram_sender", request))

    @property
    def arrived_count(self) -> int:
        """How many numbers have come so far."""
        return int(self.receiver.ask("count"))

    def stop(self) -> DatagramTrace:
        """End both."""
        [out], [far] = self.sender.stop(), self.receiver.stop()
        return datagram_trace(out, far)


def start_receiver(host: Host, address: str, port: int, *, echo: bool = True) -> LabProcess:
    """A far end; it listens when this returns."""
    request = {"address": address, "port": port, "echo": echo}
    receiver = host.start(inside_argv("datagram_receiver", request))
    receiver.read_json()
    return receiver


def datagram_trace(sender: dict[str, Any], receiver: dict[str, Any]) -> DatagramTrace:
    """From the last rows of both programs."""
    arrived = {int(number): at for number, at in receiver["arrived"].items()}
    return DatagramTrace(
        sent=sender["sent"],
        arrived=[arrived.get(number) for number in range(len(sender["sent"]))],
        echoed=sender["echoes"],
        sources=tuple(receiver["sources"]),
    )
