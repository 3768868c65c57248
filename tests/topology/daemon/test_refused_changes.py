"""A change that is refused disables nothing: failover goes on, and everybody is told."""

import json

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually

WITH_IPV6_CONFIG = FAILOVER_CONFIG.replace(
    'gateway = "203.0.113.1"',
    'gateway = "203.0.113.1"\naddress6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"',
)
ON_TRUNK_CONFIG = FAILOVER_CONFIG.replace(
    '[vlans.guests]\nport = "lan2"', '[lan]\ntrunk = "lan2"\n\n[vlans.guests]\nid = 40'
)
BLOCKED_INTERFACE = "net.ipv6.conf.wan1.disable_ipv6"
"""With this setting the kernel takes no IPv6 address on the interface."""

OCCUPY_VLAN_DEVICE = "ip link add lan2.40 type veth peer name far40"


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(WITH_IPV6_CONFIG)


def test_failover_works_while_every_reconcile_is_refused(venue: Venue) -> None:
    gateway = venue.gateway
    with GatewayDaemon(gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        assert daemon.status()["kernel"] | {"since": ""} == {
            "verified": True,
            "since": "",
            "reason": None,
        }
        gateway.check_output(["sysctl", "-qw", f"{BLOCKED_INTERFACE}=1"])
        assert eventually(lambda: not daemon.status()["kernel"]["verified"], within_s=15)
        kernel = daemon.status()["kernel"]
        assert "IPv6 is switched off on wan1" in kernel["reason"]
        shown = gateway.run_lbrouter("status")
        assert shown.returncode == ExitCode.CHECK_FAILED
        assert "THE KERNEL DIFFERS FROM THE CONFIGURATION" in shown.stdout

        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: uplink_of_new_flow(venue) == "lte", within_s=2)
        venue.isp("fiber").set_carrier(up=True)
        assert eventually(lambda: uplink_of_new_flow(venue) == "fiber", within_s=15)
        venue.isp("fiber").set_blackhole(on=True)
        assert eventually(lambda: uplink_of_new_flow(venue) == "lte", within_s=5)
        assert daemon.status()["kernel"]["since"] == kernel["since"]

        gateway.check_output(["sysctl", "-qw", f"{BLOCKED_INTERFACE}=0"])
        assert eventually(lambda: daemon.status()["kernel"]["verified"], within_s=15)
        told = [each["more"]["verified"] for each in daemon.events("trouble") if verdict(each)]
        assert told == [False, True]
        assert gateway.run_lbrouter("status").returncode == ExitCode.DONE


def verdict(event: dict[str, dict[str, object]]) -> bool:
    """Whether an event says that the kernel holds what it should, or does not."""
    return "verified" in event["more"]


def test_an_apply_that_is_refused_is_told_and_failover_goes_on(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    gateway = venue.gateway
    with GatewayDaemon(gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        gateway.check_output(OCCUPY_VLAN_DEVICE.split())
        venue.write_config(parse(ON_TRUNK_CONFIG.encode(), source="new").config)
        refused = gateway.run_lbrouter("apply")
        assert refused.returncode == ExitCode.TRY_AGAIN, refused.stdout
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: uplink_of_new_flow(venue) == "lte", within_s=2)
        told = [each["text"] for each in daemon.events("trouble") if each["subject"] == "apply"]
        assert len(told) == 1
        assert "is not applied: " in told[0]
        assert eventually(lambda: daemon.status()["kernel"]["verified"], within_s=10)
        assert [each["text"] for each in daemon.events("move") if same_way(each["more"])] == []


def test_a_daemon_whose_file_is_refused_steers_what_stands(
    build_applied_venue: VenueBuilder,
) -> None:
    venue = build_applied_venue(FAILOVER_CONFIG)
    gateway = venue.gateway
    gateway.check_output(OCCUPY_VLAN_DEVICE.split())
    venue.write_config(parse(ON_TRUNK_CONFIG.encode(), source="new").config)
    with GatewayDaemon(gateway) as daemon:
        assert daemon.has_logged("keeps the applied settings")
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        assert uplink_of_new_flow(venue) == "fiber"
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: uplink_of_new_flow(venue) == "lte", within_s=2)
        assert daemon.status()["kernel"]["verified"] is False


def same_way(more: dict[str, object]) -> bool:
    return more["from"] == more["to"]


def test_without_a_daemon_status_compares_with_what_was_applied(
    build_applied_venue: VenueBuilder,
) -> None:
    gateway = build_applied_venue(FAILOVER_CONFIG).gateway
    assert json.loads(require_success(gateway.run_lbrouter("status", "--json")))["kernel"][
        "verified"
    ]
    gateway.check_output(["ip", "rule", "delete", "pref", "10090"])
    damaged = gateway.run_lbrouter("status", "--json")
    assert damaged.returncode == ExitCode.CHECK_FAILED
    kernel = json.loads(damaged.stdout)["kernel"]
    assert (kernel["verified"], "10090" in kernel["reason"]) == (False, True)
    require_success(gateway.run_lbrouter("down"))
    assert gateway.run_lbrouter("status").returncode == ExitCode.DONE
