"""Shaping as users meet it: foreign qdiscs on our interfaces, lines that fail, a trunk."""

import json

import pytest

from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import SHAPED_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

pytestmark = pytest.mark.needs("htb", "ifb", "u32", "nft")

FOREIGN_QDISC_COMMAND = "tc qdisc add dev wan1 root handle 77: tbf rate 1gbit burst 90k latency 9ms"


def root_qdiscs(venue: Venue, interface: str) -> list[str]:
    """Kind and handle of the root."""
    shown = json.loads(venue.gateway.check_output(["tc", "-j", "qdisc", "show", "dev", interface]))
    return [f"{each['kind']} {each['handle']}" for each in shown if each.get("root")]


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    built = build_venue(SHAPED_CONFIG)
    built.gateway.check_output(FOREIGN_QDISC_COMMAND.split())
    return built


def test_somebody_elses_queue_is_refused_and_replaced_when_asked_for(venue: Venue) -> None:
    gateway = venue.gateway
    before = gateway.snapshot()
    refused = gateway.run_lbrouter("apply")
    assert refused.returncode == ExitCode.TRY_AGAIN
    assert "Interface wan1 has another program's tbf 77: at its root" in refused.stderr
    assert "--take-over" in refused.stderr
    assert gateway.snapshot() == before
    planned = gateway.run_lbrouter("plan")
    assert "tc qdisc replace dev wan1 root handle 4c01:" in planned.stdout
    assert "in place of another program's tbf 77:, which is lost" in planned.stdout
    assert "--take-over" in planned.stderr
    require_success(gateway.run_lbrouter("apply", "--take-over"))
    assert root_qdiscs(venue, "wan1") == ["htb 4c01:"]
    assert require_success(gateway.run_lbrouter("apply")) == "nothing to change\n"
    require_success(gateway.run_lbrouter("down"))
    assert "htb 4c01:" not in root_qdiscs(venue, "wan1")


def test_a_daemon_starts_beside_it_takes_over_when_asked_and_keeps_what_it_took(
    venue: Venue,
) -> None:
    gateway = venue.gateway
    with GatewayDaemon(gateway) as daemon:
        assert root_qdiscs(venue, "wan1") == ["tbf 77:"]
        assert root_qdiscs(venue, "wan2") == ["htb 4c01:"]
        assert daemon.has_logged("Interface wan1 has another program's tbf 77:", "--take-over")
        assert gateway.run_lbrouter("apply").returncode == ExitCode.TRY_AGAIN
        require_success(gateway.run_lbrouter("apply", "--take-over"))
        assert root_qdiscs(venue, "wan1") == ["htb 4c01:"]
        # a network manager builds its own again, at the cost of ours: that is damage to ours
        for interface in ("wan1", "wan2"):
            gateway.check_output(
                FOREIGN_QDISC_COMMAND.replace("wan1", interface)
                .replace(" add ", " replace ")
                .split()
            )
            assert eventually(lambda: root_qdiscs(venue, interface) == ["htb 4c01:"], within_s=15)  # noqa: B023
        # where ours has no root of its own, both stand: downloads turn off before it
        gateway.check_output(FOREIGN_QDISC_COMMAND.replace("wan1", "lan1").split())
        assert eventually(
            lambda: gateway.run_lbrouter("plan").returncode == ExitCode.DONE, within_s=15
        )
        assert root_qdiscs(venue, "lan1") == ["tbf 77:"]
        assert "lbr-down" in gateway.check_output(["tc", "filter", "show", "dev", "lan1", "egress"])
        assert eventually(
            lambda: gateway.run_lbrouter("plan").returncode == ExitCode.DONE, within_s=15
        )


def test_a_guarantee_that_is_short_is_said(build_venue: VenueBuilder) -> None:
    """9.5 Mbit/s are left: 0.475 for the gateway itself, 8 for the stream, 1.025 for guests."""
    venue = build_venue(SHAPED_CONFIG)
    with GatewayDaemon(venue.gateway) as daemon:
        whole = daemon.status()["vlans"]
        assert [whole[name]["short_upload_bps"] for name in ("stream", "guests")] == [0, 0]
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: bool(daemon.events("guarantee")), within_s=10)
        [said] = daemon.events("guarantee")
        assert said["subject"] == "guests"
        assert said["text"].endswith("can give it 1.0 Mbit/s: 3.0 Mbit/s short")
        vlans = daemon.status()["vlans"]
        assert [vlans[n]["short_upload_bps"] for n in ("stream", "guests")] == [0, 2_975_000]
        assert "4.0 Mbit/s, 3.0 Mbit/s short" in require_success(
            venue.gateway.run_lbrouter("status")
        )
        venue.isp("fiber").set_carrier(up=True)
        assert eventually(lambda: len(daemon.events("guarantee")) == 2, within_s=15)
        assert (
            daemon.events("guarantee")[1]["text"] == "VLAN guests has its guaranteed upload again"
        )
