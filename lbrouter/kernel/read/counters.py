"""Counters: bytes by interface, connections by uplink number."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lbrouter.compile.report.status_types import InterfaceTraffic, TrafficMeasurements
from lbrouter.kernel.read.own_addresses import own_addresses
from lbrouter.model.reserved_ids import uplink_number_of_mark

TRAFFIC_MEASURE_INTERVAL_S: Final = 0.25
"""Time between two reads: long enough for a rate, short enough to wait for."""

PROC_CONNTRACK: Final = Path("/proc/thread-self/net/nf_conntrack")
NFGEN_AF_UNSPEC: Final = 0
"""AF_UNSPEC: pyroute2 asks for IPv4 alone unless told otherwise."""

PROC_NET_DEV: Final = Path("/proc/thread-self/net/dev")


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceBytes:
    """What an interface carried since it was made."""

    received: int
    sent: int


async def measure_traffic(interfaces: Iterable[str]) -> TrafficMeasurements:
    """Traffic of `interfaces` over `TRAFFIC_MEASURE_INTERVAL_S`, and connections with our marks."""
    before, begun = interface_bytes(), time.monotonic()
    connections = await connections_by_number()
    await asyncio.sleep(max(0.0, TRAFFIC_MEASURE_INTERVAL_S - (time.monotonic() - begun)))
    after, ended = interface_bytes(), time.monotonic()
    both = [name for name in interfaces if name in before and name in after]
    seconds = ended - begun
    traffic = {name: _traffic_rate(before[name], after[name], seconds) for name in both}
    return TrafficMeasurements(traffic=traffic, connections=connections)


def interface_bytes() -> Mapping[str, InterfaceBytes]:
    """Bytes of each interface of the calling thread's namespace.

    /proc/net/dev has two lines of heading, then a name, a colon, 8 numbers of what was received
    (bytes first) and 8 of what was sent (net/core/net-procfs.c).
    """
    found = {}
    for line in PROC_NET_DEV.read_text(encoding="ascii").splitlines()[2:]:
        name, _, numbers = line.rpartition(":")
        fields = numbers.split()
        found[name.strip()] = InterfaceBytes(received=int(fields[0]), sent=int(fields[8]))
    return found


async def connections_by_number() -> Mapping[int, int] | None:
    """Connections of others than the gateway itself, by uplink number: no probes, and no queries
    of its resolver. None where the kernel does not show them to us.

    Distributions may leave /proc/net/nf_conntrack out (CONFIG_NF_CONNTRACK_PROCFS); then ctnetlink
    is asked, which is slower from Python.
    """
    try:
        return count_by_uplink(marks_from_proc())
    except OSError:
        pass
    try:
        return count_by_uplink([mark async for mark in marks_from_ctnetlink()])
    except OSError:
        return None


def count_by_uplink(marks: Iterable[int]) -> Mapping[int, int]:
    """How many of `marks` carry each uplink number; those that carry none are left out."""
    return Counter(number for mark in marks if (number := uplink_number_of_mark(mark)))


def marks_from_proc() -> Iterator[int]:
    """The mark of every connection that the gateway did not open, from /proc. Raises OSError where
    it is not there.
    """
    own = frozenset(f" src={address.exploded} " for address in own_addresses())  # IPv6 in full
    with PROC_CONNTRACK.open(encoding="ascii", errors="replace") as lines:
        yield from (_parse_mark(line) for line in lines if _source_word(line) not in own)


def _source_word(line: str) -> str:
    """Who opened a connection: " src=10.10.40.7 ", the first of the two sources of a line."""
    start = line.find(" src=")
    return line[start : line.find(" ", start + 1) + 1]


async def marks_from_ctnetlink() -> AsyncIterator[int]:
    """The mark of every connection that the gateway did not open, from ctnetlink. Raises OSError
    where it is not there.
    """
    from pyroute2 import AsyncNFCTSocket  # noqa: PLC0415  -- only where /proc does not show it

    own = frozenset(map(str, own_addresses()))
    async with AsyncNFCTSocket(nfgen_family=NFGEN_AF_UNSPEC) as socket:
        async for entry in await socket.dump():
            if _opened_by(entry) not in own:
                yield int(entry.get_attr("CTA_MARK") or 0)


def _opened_by(entry: Any) -> str:
    """The source of a connection, as pyroute2 writes it; "" where it is not there."""
    addresses = entry.get_nested("CTA_TUPLE_ORIG", "CTA_TUPLE_IP")
    if addresses is None:
        return ""
    return addresses.get_attr("CTA_IP_V4_SRC") or addresses.get_attr("CTA_IP_V6_SRC") or ""


def _parse_mark(line: str) -> int:
    """The mark of a line of nf_conntrack ("... mark=16777216 use=2"); 0 where none is shown."""
    _, _, rest = line.rpartition(" mark=")
    word = rest.partition(" ")[0]
    return int(word) if word.isdigit() else 0


def _traffic_rate(
    before: InterfaceBytes, after: InterfaceBytes, seconds: float
) -> InterfaceTraffic:
    """Bits per second. A counter that runs backwards belongs to a device that was created again."""
    return InterfaceTraffic(
        received_bps=max(0, round((after.received - before.received) * 8 / seconds)),
        sent_bps=max(0, round((after.sent - before.sent) * 8 / seconds)),
    )
