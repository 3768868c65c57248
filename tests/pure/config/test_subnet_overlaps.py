"""Subnets that overlap: each VLAN needs one of its own, and is offered one that is free."""

import pytest

from tests.kit.sample_config import errors_of, with_changes

FIBER4 = 'address = "203.0.113.2/30"\ngateway = "203.0.113.1"\n'

SUBNETS = [
    (
        "10.10.99.1/24",
        "10.10.41.1/24",
        "vlans.desk.address",
        "overlaps 10.10.40.0/22 of vlans.guests",
    ),
    (
        "10.10.99.1/24",
        "10.10.10.2/24",
        "vlans.desk.address",
        'subnet of its own, "10.10.44.1/24" is',
    ),
    ("10.10.99.1/24", "203.0.113.9/28", "vlans.desk.address", "of uplinks.fiber.address"),
    ("fd10:10::1/64", "2001:db8:1::9/48", "vlans.stream.address6", '"fd10::1/48" is free'),
    (
        FIBER4,
        'address = "203.0.113.2/32"\ngateway = "10.10.99.9"\n',
        "desk.address",
        "fiber.gateway",
    ),
    (
        FIBER4,
        'address = "203.0.113.2/32"\ngateway = "10.10.99.255"\n',
        "vlans.desk.address",
        "10.10.99.0/24 overlaps 10.10.99.255/32 of uplinks.fiber.gateway",
    ),
    ("10.10.99.1/24", "8.0.0.1/5", "stream.address", "overlaps 8.0.0.0/5 of vlans.desk"),
]


@pytest.mark.parametrize("old, new, where, what", SUBNETS)
def test_an_overlap_is_reported_with_a_free_subnet(
    old: str, new: str, where: str, what: str
) -> None:
    errors = errors_of(with_changes((old, new)))
    assert any(where in error and what in error for error in errors), errors
    assert all("; accepted: a subnet of its own" in error for error in errors)


def test_each_proposal_is_another_subnet() -> None:
    text = with_changes(("10.10.99.1/24", "10.10.10.2/24"), ("10.10.40.1/22", "10.10.10.3/24"))
    proposed = {error.rpartition('own, "')[2] for error in errors_of(text)}
    assert proposed == {'10.10.11.1/24" is free', '10.10.12.1/24" is free'}


def test_without_room_nothing_is_proposed() -> None:
    text = with_changes(
        ("10.10.99.1/24", "8.0.0.1/5"),
        ("10.10.40.1/22", "192.168.0.1/16"),
        ("10.10.10.1/24", "172.16.0.1/12"),
    )
    [error] = [error for error in errors_of(text + TOO_BIG) if "vlans.big.address" in error]
    assert error.endswith("of vlans.desk.address; accepted: a subnet of its own")


TOO_BIG = '\n[vlans.big]\nid = 7\naddress = "9.0.0.1/8"\npolicy = "show"\n'
