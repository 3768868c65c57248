"""Changes of the file under living flows: names, ports, rates; nothing of what stays may break."""

import time
from collections.abc import Iterable, Iterator

from bench.figures import Figure, count_row, timing_row
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.live_changes import (
    BASE,
    MOVED,
    STAYING_CHANGES,
    ChangeDamage,
    LivingFlows,
    apply_file,
)
from tests.kit.wait import eventually

FLOWS_PER_VLAN = 50
"""A hundred in all."""


def measure() -> Iterator[Figure]:
    """Every change in turn, each under fresh flows; then a line that moves to another port."""
    with (
        Venue.build(parse(BASE.encode(), source="bench").config) as venue,
        GatewayDaemon(venue.gateway) as daemon,
    ):
        if not eventually(lambda: daemon.state("fiber") == daemon.state("lte") == "up"):
            raise RuntimeError("the lines do not come up")
        apply_file(venue, daemon, BASE)
        for what, text in STAYING_CHANGES.items():
            yield from _rows(what, _change(venue, daemon, text, ("stream", "guests")))
        apply_file(venue, daemon, BASE)
        yield from _rows("moved to another port", _change(venue, daemon, MOVED, ("guests",)))


def _change(
    venue: Venue, daemon: GatewayDaemon, text: str, vlans: Iterable[str]
) -> tuple[list[ChangeDamage], float]:
    """What the change did to the flows of these VLANs, and how long it took with its plan (s)."""
    living = [LivingFlows(venue, vlan, FLOWS_PER_VLAN) for vlan in vlans]
    begun = time.monotonic()
    apply_file(venue, daemon, text)
    took = time.monotonic() - begun
    return [each.stop() for each in living], took


def _rows(what: str, seen: tuple[list[ChangeDamage], float]) -> Iterator[Figure]:
    damages, took = seen
    flows = sum(each.flows for each in damages)
    broken = sum(len(each.broken) for each in damages)
    sent, lost = (sum(getattr(each, name) for each in damages) for name in ("sent", "lost"))
    yield count_row(
        f"{what}: flows broken", "0, second plan empty", broken, of=f"of {flows}", runs=1
    )
    yield count_row(f"{what}: datagrams lost", "", lost, of=f"of {sent}", runs=1)
    yield timing_row(f"{what}: apply and second plan", "", [took], unit="s", digits=2)
