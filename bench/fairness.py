"""What a client with many connections takes from one that has a single one, in the same VLAN.

With masquerade on, behind which CAKE must still find the clients.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from bench.figures import Figure
from lbrouter.compile.shaping.htb import Queue
from lbrouter.kernel.read.features import features
from tests.kit.shaping_venue import FAR, UNTAGGED, Venue

SECONDS: Final = 15
LINE: Final = 'upload = "2mbit"\ndownload = "2mbit"'
"""Slow enough for an emulated processor, which must not be what is measured."""

SHARES: Final = {
    "stream": 'upload = { guaranteed = "1mbit" }\ndownload = { guaranteed = "1mbit" }',
    "guests": 'upload = { guaranteed = "1mbit" }\ndownload = { guaranteed = "1mbit" }',
}
SECOND: Final = "10.0.2.8"
"""Another client among the guests."""

WITHOUT: Final = {
    Queue.CAKE: frozenset[str](),
    Queue.FQ_CODEL: frozenset({"cake"}),
    Queue.PFIFO: frozenset({"cake", "fq_codel"}),
}
"""What a kernel must lack for its leaves to be of this kind."""

MASQUERADE: Final = """
table ip hide {
  counter one {}
  counter eight {}
  chain count {
    type filter hook forward priority filter
    ip saddr 10.0.2.9 counter name one
    ip saddr 10.0.2.8 counter name eight
    ip daddr 10.0.2.9 counter name one
    ip daddr 10.0.2.8 counter name eight
  }
  chain post {
    type nat hook postrouting priority srcnat
    oifname { "ua", "ub" } masquerade
  }
}
"""


def measure() -> Iterator[Figure]:
    """Both directions, with each queue that this kernel has."""
    with venue() as built:
        for queue in queues():
            built.shape(a=LINE, b=LINE, without=WITHOUT[queue], **SHARES)
            for direction, way in (("up", ()), ("down", ("-R",))):
                yield _fair(built, queue, direction, way)


def queues() -> list[Queue]:
    """The kinds of leaves that this kernel can have, best first."""
    there = features()
    return [each for each in Queue if each is Queue.PFIFO or each in there]


@contextmanager
def venue() -> Iterator[Venue]:
    """A shaping venue with a second guest, and masquerade at the lines."""
    built = Venue(UNTAGGED)
    try:
        built.build()
        built.batch([f"addr add {SECOND}/24 dev {UNTAGGED['guests']}"], "guests")
        built.run("gw", "nft", "-f", "-", stdin=MASQUERADE)
        yield built
    finally:
        built.tear_down()


def counters(built: Venue, host: str) -> dict[str, int]:
    """Bytes of each named nft counter of a host so far."""
    listed = json.loads(built.run(host, "nft", "-j", "list", "counters"))["nftables"]
    found = (each["counter"] for each in listed if "counter" in each)
    return {each["name"]: each["bytes"] for each in found}


def _fair(built: Venue, queue: Queue, direction: str, way: Sequence[str]) -> Figure:
    options = ("-t", "300", *way)
    one = built.flow("guests", "a", 5501, "-B", FAR["guests"], *options)
    eight = built.flow("guests", "a", 5502, "-B", SECOND, "-P", "8", *options)
    built.probe(5)
    before, began = counters(built, "gw"), time.monotonic()
    built.probe(SECONDS)
    after, took = counters(built, "gw"), time.monotonic() - began
    for flow in (one, eight):
        flow.stop()
    rates = [8e-6 * (after[name] - before[name]) / took for name in ("one", "eight")]
    jain = sum(rates) ** 2 / (2 * sum(rate * rate for rate in rates))
    return Figure(
        what=f"{queue}, {direction}: a client with one connection, one with eight (2 Mbit/s)",
        promise="Jain 0.95" if queue is Queue.CAKE else "",
        seen=f"Jain {jain:.3f} ({rates[0]:.2f} and {rates[1]:.2f} Mbit/s)",
        runs=1,
    )
