"""What a client with many connections takes from one that has a single one, in the same VLAN.

With masquerade on, behind which CAKE must still find the clients.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from bench.figures import Figure
from lbrouter.compile.shaping.htb import QueueKind
from lbrouter.kernel.read.features import features
from tests.kit.shaping_gateway import UNTAGGED_PORTS
from tests.kit.shaping_venue import PEER_ADDRESSES, ShapingVenue

FAIRNESS_SECONDS: Final = 15
FAIRNESS_LINE: Final = 'upload = "2mbit"\ndownload = "2mbit"'
"""Slow enough for an emulated processor, which must not be the bottleneck."""

FAIRNESS_SHARES: Final = {
    "stream": 'upload = { guaranteed = "1mbit" }\ndownload = { guaranteed = "1mbit" }',
    "guests": 'upload = { guaranteed = "1mbit" }\ndownload = { guaranteed = "1mbit" }',
}
SECOND_GUEST: Final = "10.0.2.8"
"""Another client among the guests."""

FEATURES_WITHOUT: Final = {
    QueueKind.CAKE: frozenset[str](),
    QueueKind.FQ_CODEL: frozenset({"cake"}),
    QueueKind.PFIFO: frozenset({"cake", "fq_codel"}),
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
    with fairness_venue() as built:
        for queue in available_queues():
            built.apply_shaping(
                a=FAIRNESS_LINE, b=FAIRNESS_LINE, without=FEATURES_WITHOUT[queue], **FAIRNESS_SHARES
            )
            for direction, way in (("up", ()), ("down", ("-R",))):
                yield _fairness_row(built, queue, direction, way)


def available_queues() -> list[QueueKind]:
    """The kinds of leaves that this kernel can have, best first."""
    there = features()
    return [each for each in QueueKind if each is QueueKind.PFIFO or each in there]


@contextmanager
def fairness_venue() -> Iterator[ShapingVenue]:
    """A shaping venue with a second guest, and masquerade at the lines."""
    built = ShapingVenue(UNTAGGED_PORTS)
    try:
        built.build()
        built.batch([f"addr add {SECOND_GUEST}/24 dev {UNTAGGED_PORTS['guests']}"], "guests")
        built.run("gw", "nft", "-f", "-", stdin=MASQUERADE)
        yield built
    finally:
        built.tear_down()


def counters(built: ShapingVenue, host: str) -> dict[str, int]:
    """Bytes of each named nft counter of a host so far."""
    listed = json.loads(built.run(host, "nft", "-j", "list", "counters"))["nftables"]
    found = (each["counter"] for each in listed if "counter" in each)
    return {each["name"]: each["bytes"] for each in found}


def _fairness_row(
    built: ShapingVenue, queue: QueueKind, direction: str, way: Sequence[str]
) -> Figure:
    options = ("-t", "300", *way)
    one = built.start_flow("guests", "a", 5501, "-B", PEER_ADDRESSES["guests"], *options)
    eight = built.start_flow("guests", "a", 5502, "-B", SECOND_GUEST, "-P", "8", *options)
    built.ping(5)
    before, began = counters(built, "gw"), time.monotonic()
    built.ping(FAIRNESS_SECONDS)
    after, took = counters(built, "gw"), time.monotonic() - began
    for flow in (one, eight):
        flow.stop()
    rates = [8e-6 * (after[name] - before[name]) / took for name in ("one", "eight")]
    jain = sum(rates) ** 2 / (2 * sum(rate * rate for rate in rates))
    return Figure(
        what=f"{queue}, {direction}: a client with one connection, one with eight (2 Mbit/s)",
        promise="Jain 0.95" if queue is QueueKind.CAKE else "",
        seen=f"Jain {jain:.3f} ({rates[0]:.2f} and {rates[1]:.2f} Mbit/s)",
        runs=1,
    )
