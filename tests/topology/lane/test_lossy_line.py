"""A line that loses more than the lane's policies tolerate leaves the lane, and returns to it."""

import pytest

from tests.kit.live_streams.lane_venue import running_lane
from tests.kit.wait import eventually

pytestmark = pytest.mark.usefixtures("wireguard")


def test_a_lossy_line_leaves_the_lane_beside_a_clean_one_and_the_policy_stays() -> None:
    with running_lane() as lane:
        lane.wait_until_whole()
        moves = len(lane.daemon.events("move"))
        lane.venue.isp("fiber").impair(loss_percent=20)
        assert eventually(lambda: lane.carrying() == {"fiber": False, "lte": True}, within_s=20)
        assert lane.daemon.state("fiber") == "degraded"
        assert "show" in lane.daemon.uplink("fiber")["reason"]
        assert len(lane.daemon.events("move")) == moves, "the policy stays in the lane"
        lane.venue.isp("fiber").restore()
        assert eventually(lambda: lane.carrying() == {"fiber": True, "lte": True}, within_s=60)
