"""A line fails under long flows: they move, and no others do."""

from collections import Counter

from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import PER_FLOW_CONFIG
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually


def _flows_by_uplink(venue: Venue, rows: list[dict[str, str]]) -> Counter[str | None]:
    return Counter(venue.uplink_of(row["seen"]) for row in rows)


def test_tcp_on_a_dead_line_is_reset_at_once_and_the_others_live(
    build_applied_venue: VenueBuilder,
) -> None:
    venue = build_applied_venue(PER_FLOW_CONFIG, style=VenueOptions(addresses_per_client=4))
    held = venue.client("guests").hold_connections(count=40, interval_ms=20, timeout_ms=20_000)
    venue.isp("fiber").set_carrier(up=False)
    require_success(venue.gateway.run_lbrouter("apply"))
    rows = held.stop()
    ended = [row for row in rows if row["error"]]
    alive = [row for row in rows if not row["error"]]
    assert {row["error"] for row in ended} == {"reset"}
    assert set(_flows_by_uplink(venue, ended)) == {"fiber"}
    assert set(_flows_by_uplink(venue, alive)) == {"lte"}
    assert len(ended) == 28


def test_datagrams_on_a_dead_line_go_on_by_another(build_applied_venue: VenueBuilder) -> None:
    venue = build_applied_venue(PER_FLOW_CONFIG)
    pings = [venue.client("guests").start_ping(interval_ms=10, name=f"ping{n}") for n in range(6)]
    assert eventually(lambda: len({row["flow"] for row in venue.internet.log()}) == 6)
    venue.isp("fiber").set_carrier(up=False)
    require_success(venue.gateway.run_lbrouter("apply"))
    rows = [row for ping in pings for row in ping.stop()]
    seen = {
        row["flow"]: {venue.uplink_of(source) for source in row["sources_seen"]} for row in rows
    }
    assert all("lte" in each for each in seen.values())
    assert any("fiber" in each for each in seen.values())
    assert {name: isp.stray_packets() for name, isp in venue.isps.items()} == {"fiber": 0, "lte": 0}
