"""Limits of single clients: chains and elements only where a VLAN asks for them."""

from lbrouter.compile.config.checks.rates import warnings
from lbrouter.compile.firewall import client_limits
from lbrouter.compile.firewall.elements import elements
from lbrouter.compile.firewall.ruleset import structure
from lbrouter.model.config import Config
from tests.kit.builders import health_of
from tests.kit.shaping_config import (
    ALLOCATION,
    FACTS,
    TRUNK_SECTION,
    TWO_RATED_UPLINKS,
    config_from,
    vlan_section,
)


def config_with_client_limits(up: str, down: str = "") -> Config:
    more = f"upload = {{ {up} }}\n" + (f"download = {{ {down} }}\n" if down else "")
    return config_from(
        TWO_RATED_UPLINKS,
        TRUNK_SECTION,
        vlan_section("guests", 2, more=more),
        vlan_section("stream", 1),
    )


def test_a_file_that_asks_for_none_has_no_such_chain() -> None:
    plain = config_with_client_limits('ceiling = "6mbit"')
    assert client_limits.elements(plain) == {}
    assert "client_limits" not in structure(plain, ALLOCATION)


def test_each_direction_has_a_rate_of_its_own() -> None:
    wanted = config_with_client_limits('per_client = "2mbit"', 'per_client = "16mbit"')
    text = structure(wanted, ALLOCATION)
    assert "{ ether saddr timeout 1m limit rate 250000 bytes/second burst 131072 bytes }" in text
    assert "{ meta priority timeout 1m limit rate 2000000 bytes/second burst 200000 bytes }" in text
    assert client_limits.elements(wanted) == {
        "limit_up": {("lan.20", "goto limit_up_guests")},
        "limit_down": {("lan.20", "goto limit_down_guests")},
    }


def test_one_direction_alone_leaves_the_other_free() -> None:
    wanted = config_with_client_limits('per_client = "2mbit"')
    found = elements(
        wanted, allocation=ALLOCATION, health=health_of(wanted), facts=FACTS
    )  # fmt: skip
    assert found["limit_down"] == frozenset()
    assert found["limit_up"] == {("lan.20", "goto limit_up_guests")}


def test_a_ceiling_for_downloads_alone_needs_to_know_who_opened_a_connection() -> None:
    wanted = config_from(
        TWO_RATED_UPLINKS,
        TRUNK_SECTION,
        vlan_section("guests", 2, more='download = { per_client = "2mbit" }'),
    )
    assert client_limits.elements(wanted) == {
        "limit_up": {("lan.20", "goto limit_up_guests")},
        "limit_down": {("lan.20", "goto limit_down_guests")},
    }
    text = structure(wanted, ALLOCATION)
    assert "update @client_flows_guests { ct id timeout 2m : jhash ether saddr" in text
    assert "set client_up_guests" not in text


def test_another_rate_has_another_set() -> None:
    """The kernel keeps the rate that an element was made with."""
    one, two = (
        structure(config_with_client_limits(f'per_client = "{r}mbit"'), ALLOCATION) for r in (2, 3)
    )
    assert "\tset client_up_guests_250000 {" in one
    assert "\tset client_up_guests_250000 {" not in two


def test_a_ceiling_of_a_client_above_its_vlans_gives_a_warning() -> None:
    [found] = warnings(config_with_client_limits('ceiling = "5mbit", per_client = "5mbit"'))
    assert found.path == ("vlans", "guests", "upload", "per_client")
    assert not list(warnings(config_with_client_limits('ceiling = "5mbit", per_client = "4mbit"')))
