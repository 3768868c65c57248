"""What is known of a line survives an edit of the file, a restart, SIGKILL, and `apply` alone."""

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(FAILOVER_CONFIG)


def kill_fiber(venue: Venue, daemon: GatewayDaemon) -> None:
    assert eventually(lambda: daemon.state("fiber") == "up")
    assert eventually(lambda: daemon.state("lte") == "up")
    venue.isp("fiber").set_blackhole(on=True)
    assert eventually(lambda: daemon.state("fiber") == "down", within_s=10)
    assert eventually(lambda: uplink_of_new_flow(venue) == "lte")


def uplink_states(daemon: GatewayDaemon) -> list[tuple[str, str]]:
    """Each uplink and the state that it took, in the order of the timeline."""
    return [(each["subject"], each["more"]["after"]) for each in daemon.events("uplink")]


def edit(venue: Venue, old: str, new: str) -> None:
    path = venue.gateway.config_path
    path.write_text(path.read_text().replace(old, new))


def test_an_edit_of_the_health_section_starts_no_line_anew(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        kill_fiber(venue, daemon)
        kept = venue.client("stream").hold_connections(count=3, interval_ms=50)
        before = uplink_states(daemon)
        edit(venue, '"100ms"', '"150ms"')
        daemon.reload()
        assert eventually(lambda: len(daemon.events("apply")) > 1)
        assert (daemon.state("fiber"), daemon.state("lte")) == ("down", "up")
        assert {uplink_of_new_flow(venue) for _ in range(10)} == {"lte"}
        assert uplink_states(daemon) == before
        assert [row["error"] for row in kept.stop() if row["error"]] == []


@pytest.mark.parametrize("sudden", [False, True])
def test_a_restart_knows_which_line_is_dead(venue: Venue, *, sudden: bool) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        kill_fiber(venue, daemon)
        before = uplink_states(daemon)
        daemon.kill() if sudden else daemon.stop()
        daemon.start()
        assert eventually(daemon.is_serving, within_s=30)
        assert (daemon.state("fiber"), daemon.state("lte")) == ("down", "up")
        assert {uplink_of_new_flow(venue) for _ in range(10)} == {"lte"}
        assert uplink_states(daemon) == before
        venue.isp("fiber").set_blackhole(on=False)
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=15)


def exchange_names(text: str) -> str:
    """The file in which the two lines have exchanged their names, and nothing else."""
    return text.replace("fiber", "other").replace("lte", "fiber").replace("other", "lte")


def test_a_dead_and_a_living_line_exchange_their_names(venue: Venue) -> None:
    """The answers of the one are not the other's, not even for the moment of the change."""
    path = venue.gateway.config_path
    files = {"lte": path.read_text(), "fiber": exchange_names(path.read_text())}
    with GatewayDaemon(venue.gateway) as daemon:
        kill_fiber(venue, daemon)
        kept = venue.client("stream").hold_connections(count=3, interval_ms=50)
        before, count = uplink_states(daemon), len(daemon.events("apply"))
        for _ in range(3):
            for living in ("fiber", "lte"):
                path.write_text(files[living])
                daemon.reload()
                count += 1
                assert eventually(lambda: len(daemon.events("apply")) >= count)  # noqa: B023
                assert daemon.state(living) == "up"
                assert {uplink_of_new_flow(venue) for _ in range(3)} == {"lte"}, "by its address"
        assert uplink_states(daemon) == before
        assert [row["error"] for row in kept.stop() if row["error"]] == []


def test_apply_without_a_daemon_moves_nothing_onto_a_line_that_was_dead(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        kill_fiber(venue, daemon)
        daemon.stop()
        edit(venue, '"100ms"', '"150ms"')
        require_success(venue.gateway.run_lbrouter("apply"))
        assert {uplink_of_new_flow(venue) for _ in range(5)} == {"lte"}
        found = daemon.uplink("fiber")
        assert (found["state"], found["reason_code"]) == ("down", "no_answer")
        assert "no daemon runs" in found["reason"]
