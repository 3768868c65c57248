"""Any file after any other under living flows: those of what stays stay."""

from collections.abc import Iterator

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.live_changes import BASE, MOVED, STAYING_CHANGES, LivingFlows, apply_file
from tests.kit.wait import eventually

pytestmark = [pytest.mark.needs("htb", "ifb", "u32", "nft"), pytest.mark.slow]

FLOWS = 10
"""For each VLAN; `python -m bench changes` has a hundred."""


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with Venue.build(parse(BASE.encode(), source="test").config) as built:
        yield built


@pytest.fixture(scope="module")
def daemon(venue: Venue) -> Iterator[GatewayDaemon]:
    with GatewayDaemon(venue.gateway) as running:
        assert eventually(lambda: {running.state(u) for u in ("fiber", "lte", "spare")} == {"up"})
        yield running


def test_no_flow_notices_that_names_and_rates_change(venue: Venue, daemon: GatewayDaemon) -> None:
    apply_file(venue, daemon, BASE)
    stream, guests = (LivingFlows(venue, vlan, FLOWS) for vlan in ("stream", "guests"))
    for text in STAYING_CHANGES.values():
        apply_file(venue, daemon, text)
    for damage in (stream.stop(), guests.stop()):
        print(damage)
        assert (damage.flows, damage.broken) == (FLOWS, ())
        assert damage.sent > 100
        assert damage.lost < damage.sent // 20


def test_a_line_that_moves_disturbs_no_other(venue: Venue, daemon: GatewayDaemon) -> None:
    apply_file(venue, daemon, BASE)
    guests = LivingFlows(venue, "guests", FLOWS)
    apply_file(venue, daemon, MOVED)
    apply_file(venue, daemon, BASE)
    damage = guests.stop()
    print(damage)
    assert (damage.flows, damage.broken, damage.lost) == (FLOWS, (), 0)


def test_a_rename_and_an_exchange_lose_no_datagram(venue: Venue, daemon: GatewayDaemon) -> None:
    apply_file(venue, daemon, BASE)
    stream = LivingFlows(venue, "stream", FLOWS)
    for name in ("renamed", "exchanged", "names exchanged"):
        apply_file(venue, daemon, STAYING_CHANGES[name])
    damage = stream.stop()
    assert (damage.broken, damage.lost) == ((), 0)
