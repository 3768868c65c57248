"""Living flows: cut only where their own policy has a better line, and nowhere else."""

import json
import time
from typing import Any

import pytest

from lbrouter.model.errors import ConfirmationNeededError
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT, INTERNET_SERVERS
from lbrouter.rehearsal.lab.process import LabProcess, agent_argv
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.config_text import (
    FAST_HEALTH,
    FIBER_IPV6,
    failover_text,
    fiber,
    file_text,
    lte,
    vlan_text,
)
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

LIVING_CONFIG = file_text(
    "living",
    fiber(FIBER_IPV6),
    lte(),
    vlan_text("stream", "lan1", "10.10.10.1/24", "show", 'address6 = "fd10:10::1/64"'),
    vlan_text("desk", "lan2", "10.10.99.1/24", "alone"),
    failover_text("show", "fiber", "lte"),
    failover_text("alone", "fiber"),
    """[[forwards]]
uplink = "fiber"
protocol = "tcp"
port = 8443
to = "10.10.10.20:443"
""",
    health=FAST_HEALTH.replace('"1s"', '"4s"'),
)

MOVING_CONFIG = LIVING_CONFIG.replace(
    '[policies.show]\nmode = "failover"',
    '[policies.show]\nmode = "failover"\nliving = "move"\ntolerate = { loss = "2%" }',
).replace('uplinks = ["fiber"]\n', 'uplinks = ["fiber", "lte"]\n')


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(LIVING_CONFIG)


def wait_until_probed(daemon: GatewayDaemon) -> None:
    """Each family of each line has an answer of its own: later an outage of it is seen as one."""

    def is_probed(name: str) -> bool:
        uplink = daemon.uplink(name)
        codes = {each["reason_code"] for each in uplink["families"].values()}
        return uplink["rtt_ms"] is not None and codes == {"answering"}

    assert eventually(lambda: is_probed("fiber") and is_probed("lte"), within_s=10)


def short_outage(venue: Venue, daemon: GatewayDaemon) -> None:
    """Fiber is dead until that is seen; when this returns it answers, and counts as down yet."""
    venue.isp("fiber").set_blackhole(on=True)
    assert eventually(lambda: daemon.state("fiber") == "down", within_s=10)
    venue.isp("fiber").set_blackhole(on=False)
    assert eventually(lambda: "answers again" in daemon.uplink("fiber")["reason"], within_s=10)


def hold(venue: Venue, client: str, **request: Any) -> LabProcess:
    """One connection that outlives an outage unless it is cut."""
    return venue.client(client).hold_connections(
        count=1, interval_ms=50, timeout_ms=20_000, **request
    )


def errors(rows: list[dict[str, Any]]) -> list[str]:
    return [row["error"] for row in rows]


def is_seen_from(venue: Venue, name: str, uplink: str) -> bool:
    """Whether the internet has seen the flow of `name` come by `uplink`."""
    return any(
        row["flow"].startswith(name) and venue.uplink_of(row["source"]) == uplink
        for row in venue.internet.log()
    )


def test_a_pin_resets_no_new_connection_after_an_outage(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        wait_until_probed(daemon)
        daemon.ask("pin", policy="show", uplink="fiber")
        short_outage(venue, daemon)
        while daemon.state("fiber") == "down":
            rows = venue.client("stream").open_flows(count=10)
            assert errors(rows) == [""] * 10
        assert daemon.state("fiber") == "up"
        assert daemon.status()["policies"]["show"]["active"] == ["fiber"]


def test_flows_of_a_drained_line_move_when_it_dies(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        wait_until_probed(daemon)
        held = hold(venue, "stream")
        ping = venue.client("stream").start_ping(interval_ms=20, name="datagrams")
        assert eventually(lambda: is_seen_from(venue, "datagrams", "fiber"))
        daemon.ask("drain", uplink="fiber", yes=True)
        venue.isp("fiber").set_blackhole(on=True)
        assert eventually(lambda: is_seen_from(venue, "datagrams", "lte"), within_s=10)
        assert errors(held.stop()) == ["reset"]
        [pinged] = ping.stop()
        assert pinged["max_gap_ms"] < 3000


def test_only_flows_with_somewhere_to_go_are_cut(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        wait_until_probed(daemon)
        moved, alone = hold(venue, "stream"), hold(venue, "desk")
        six = hold(venue, "stream", version=6)
        short_outage(venue, daemon)
        assert errors(moved.stop()) == ["reset"]
        # The desk has one line, IPv6 as well: they wait, and go on when it answers.
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=15)
        assert errors(alone.stop()) == [""]
        assert errors(six.stop()) == [""]


def test_ipv6_of_the_only_line_works_as_soon_as_it_answers(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        wait_until_probed(daemon)
        short_outage(venue, daemon)
        begun_while_down = 0
        while daemon.uplink("fiber")["families"]["ipv6"]["state"] == "down":
            begun_while_down += 1
            rows = venue.client("stream").open_flows(count=10, version=6)
            assert errors(rows) == [""] * 10
        assert begun_while_down, "that was the time after the outage"


def test_a_forward_works_after_an_outage(venue: Venue) -> None:
    inside = venue.client("stream")
    inside.start_server(["10.10.10.20"], tcp=[443], udp=[])
    with GatewayDaemon(venue.gateway) as daemon:
        wait_until_probed(daemon)
        living = _connect_from_outside(venue, name="living")
        short_outage(venue, daemon)
        new = _connect_from_outside(venue, name="new")
        assert daemon.state("fiber") == "down", "that was the time after the outage"
        assert errors(new.stop()) == [""]
        assert errors(living.stop()) == [""]


def _connect_from_outside(venue: Venue, *, name: str) -> LabProcess:
    request = {"to": "203.0.113.2", "port": 8443, "count": 1, "name": name, "timeout_ms": 15_000}
    request["sources"] = [str(INTERNET_SERVERS[0])]
    job = venue.internet.start([*agent_argv("flow_client"), "hold", json.dumps(request)])
    job.read_json()
    return job


def test_the_gateways_own_connection_outlives_an_outage(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        wait_until_probed(daemon)
        request = {"to": str(INTERNET_SERVERS[0]), "port": ECHO_SERVER_PORT, "count": 1}
        argv = [*agent_argv("flow_client"), "hold", json.dumps(request | {"timeout_ms": 20_000})]
        own = venue.gateway.start(argv)
        own.read_json()
        short_outage(venue, daemon)
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=15)
        assert errors(own.stop()) == [""]


def test_drain_now_moves_what_has_another_line(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        wait_until_probed(daemon)
        with pytest.raises(ConfirmationNeededError, match="last usable uplink of alone"):
            daemon.ask("drain", uplink="fiber", now=True)
        moved, alone = hold(venue, "stream"), hold(venue, "desk")
        ping = venue.client("stream").start_ping(interval_ms=20, name="datagrams")
        assert eventually(lambda: is_seen_from(venue, "datagrams", "fiber"))
        begun = time.monotonic()
        daemon.ask("drain", uplink="fiber", now=True, yes=True)
        assert eventually(lambda: is_seen_from(venue, "datagrams", "lte"), within_s=10)
        print("moved after", time.monotonic() - begun)
        assert errors(moved.stop()) == ["reset"]
        assert errors(alone.stop()) == [""]
        [pinged] = ping.stop()
        assert len(pinged["lost"]) <= 5


def test_a_policy_takes_its_living_flows_with_it(build_venue: VenueBuilder) -> None:
    venue = build_venue(MOVING_CONFIG)
    with GatewayDaemon(venue.gateway) as daemon:
        wait_until_probed(daemon)
        moved = venue.client("stream").start_ping(interval_ms=20, name="moved")
        stays = venue.client("desk").start_ping(interval_ms=20, name="stays")
        assert eventually(
            lambda: all(is_seen_from(venue, name, "fiber") for name in ("moved", "stays"))
        )
        venue.isp("fiber").impair(loss_percent=10)
        assert eventually(lambda: is_seen_from(venue, "moved", "lte"), within_s=15)
        policies = daemon.status()["policies"]
        assert (policies["show"]["active"], policies["alone"]["active"]) == (["lte"], ["fiber"])
        assert not is_seen_from(venue, "stays", "lte")
        venue.isp("fiber").impair()
        moved.stop()
        stays.stop()
