"""Leases that conflict with the file: VLANs that are hit, asked addresses, wide subnets."""

from ipaddress import IPv4Address

import pytest

from lbrouter.compile.dhcp.lease_validation import (
    InvalidLeaseError,
    held_vlans,
    lease_conflict,
    lease_from_message,
)
from lbrouter.compile.routing.asked_addresses import asked_addresses
from lbrouter.model.lease import UplinkLease
from tests.kit.builders import TWO_LINES, config_of
from tests.kit.dhcp_client import offer
from tests.kit.lane_config import lane_config

CONFIG = config_of(TWO_LINES)


@pytest.mark.parametrize(
    "yours, router, words",
    [
        ("192.0.2.77", "192.0.2.1", ()),
        ("10.10.10.1", "10.10.10.9", ("10.10.10.0/24 of VLAN stream", '"10.10.100.1/24" is free')),
        ("10.10.43.9", "10.10.43.1", ("10.10.40.0/22 of VLAN guests", "/22")),
        ("192.0.2.77", "10.10.99.7", ("gateway 10.10.99.7", "VLAN desk")),
    ],
)
def test_a_lease_that_overlaps_a_vlan_is_refused_with_a_proposal(
    yours: str, router: str, words: tuple[str, ...]
) -> None:
    found = lease_conflict(
        CONFIG,
        lease_from_message(offer(yours, ROUTER=IPv4Address(router).packed), station="", at=0.0),
    )
    assert bool(found) is bool(words)
    assert all(word in str(found) for word in words), found


def wide_lease(
    address: str = "10.37.2.50", mask: str = "255.0.0.0", router: str = "10.0.0.1"
) -> UplinkLease:
    netmask, gateway = IPv4Address(mask).packed, IPv4Address(router).packed
    return lease_from_message(
        offer(address, SUBNET_MASK=netmask, ROUTER=gateway), station="", at=0.0
    )


def test_a_wide_lease_that_merely_holds_vlans_is_used() -> None:
    """A hotel's 10.0.0.0/8: the VLANs' routes are longer. Where a VLAN is hit, all are named."""
    assert lease_conflict(CONFIG, wide_lease()) is None
    assert held_vlans(CONFIG, wide_lease()) == ("stream", "guests", "desk")
    hit = wide_lease("10.10.10.7", router="10.10.40.1")
    found = str(lease_conflict(CONFIG, hit))
    assert "overlaps 10.10.10.0/24 of VLAN stream, 10.10.40.0/22 of VLAN guests" in found
    assert '(free: "172.16.0.1/24", "172.16.4.1/22")' in found


def test_two_hit_vlans_and_no_room() -> None:
    vlans = TWO_LINES.replace("10.10.40.1/22", "172.16.0.1/11").replace(
        "10.10.10.1/24", "10.1.1.1/7"
    )
    config = config_of(vlans.replace("10.10.99.1/24", "192.168.1.1/16").partition("[[rules]]")[0])
    hit = wide_lease("10.10.10.7", "255.255.255.0", router="172.16.0.9")
    found = str(lease_conflict(config, hit))
    assert "VLAN stream" in found
    assert "VLAN guests" in found
    assert "free:" not in found


@pytest.mark.parametrize("mask", ["128.0.0.0", "254.0.0.0"])
def test_a_subnet_wider_than_a_hotel_s_is_refused(mask: str) -> None:
    with pytest.raises(InvalidLeaseError, match="wider than /8"):
        wide_lease(mask=mask)


@pytest.mark.parametrize(
    "key, text",
    [
        ("gateway.dns", 'name = "two-lines"\ndns = ["192.0.2.77"]'),
        ("health.targets", '[health]\ntargets = ["icmp://192.0.2.77", "tcp://one.example:443"]'),
        ("alerts.webhook", '[alerts]\nwebhook = "http://192.0.2.77/hook"'),
        ("uplinks.lte.health.targets", '[uplinks.lte.health]\ntargets = ["icmp://192.0.2.77"]'),
    ],
)
def test_no_lease_takes_an_address_that_the_gateway_asks(key: str, text: str) -> None:
    whole = TWO_LINES.replace('name = "two-lines"', text) if "name" in text else TWO_LINES + text
    config = config_of(whole)
    lease = lease_from_message(offer("192.0.2.77"), station="", at=0.0)
    assert f"which {key} of this file names" in str(lease_conflict(config, lease))
    assert lease_conflict(CONFIG, lease) is None


def test_names_are_no_addresses_that_a_lease_could_take() -> None:
    config = config_of(TWO_LINES + '[alerts]\nwebhook = "http://hooks.example/"\n')
    assert (
        lease_conflict(config, lease_from_message(offer("192.0.2.77"), station="", at=0.0)) is None
    )
    config = config_of(TWO_LINES + '[uplinks.lte.health]\ntargets = ["tcp://one.example:443"]\n')
    assert (
        lease_conflict(config, lease_from_message(offer("192.0.2.77"), station="", at=0.0)) is None
    )
    assert IPv4Address("192.0.2.7") in asked_addresses(lane_config())


def test_where_there_is_no_room_nothing_is_proposed() -> None:
    config = """
[gateway]
name = "wide"
[uplinks.a]
interface = "wan1"
address = "dhcp"
[vlans.all]
port = "lan1"
address = "10.1.1.1/7"
policy = "show"
[policies.show]
mode = "failover"
uplinks = ["a"]
"""
    lease = lease_from_message(
        offer("10.10.10.7", ROUTER=bytes((10, 10, 10, 1))), station="", at=0.0
    )
    found = lease_conflict(config_of(config), lease)
    assert "VLAN all" in str(found)
    assert "is free" not in str(found)
