"""A rehearsal of a file with a lane: a relay from the printed cloud-init, and the seamless row."""

import pytest

from lbrouter.rehearsal import CheckVerdict, Fault, RehearsalOptions, VenueOptions
from lbrouter.rehearsal.checks import fault_procedure
from lbrouter.rehearsal.checks.context import RehearsalContext
from tests.kit.live_streams.lane_venue import LANE_CONFIG
from tests.kit.venues import VenueBuilder

pytestmark = pytest.mark.usefixtures("wireguard")


def test_a_black_hole_of_a_line_is_seamless(build_venue: VenueBuilder) -> None:
    venue = build_venue(LANE_CONFIG, style=VenueOptions(addresses_per_client=16))
    context = RehearsalContext(venue, RehearsalOptions(), lambda _: None)
    [line] = [
        row
        for row in fault_procedure.run_fault(context, "fiber", Fault.BLACKHOLE)
        if row.policy == "show, IPv4"
    ]
    print(line.as_json())
    assert line.verdict is CheckVerdict.PASS
    assert line.seamless is not None
    assert (line.seamless.lane, line.seamless.connections) == ("lane", 1)
    assert line.moved_ms is None, "no new flow of the show went by the line"
    assert "push" not in line.gaps_ms
