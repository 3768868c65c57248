"""Which resolvers are asked by which line: those of fit lines, and whose word counts."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from math import inf

import pytest

from lbrouter.compile.services.dnsmasq import config_text, is_wanted
from lbrouter.compile.services.line_resolvers import (
    may_have_resolvers,
    servers_text,
    told_resolvers,
)
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts
from lbrouter.model.health import UplinkState
from lbrouter.model.lease import AdvertisedLine, UplinkLease
from tests.kit.builders import config_of, facts_of, health_of

TEXT = """
[gateway]
name = "hotel"
[uplinks.a]
interface = "wan1"
address = "dhcp"
address6 = "auto"
[uplinks.b]
interface = "wan2"
address = "dhcp"
[vlans.crew]
port = "lan1"
address = "10.20.2.1/24"
address6 = "fd10:20:2::1/64"
policy = "show"
[policies.show]
mode = "failover"
uplinks = ["a", "b"]
"""

CONFIG = config_of(TEXT)
UP, DOWN = UplinkState.UP, UplinkState.DOWN


def lease(number: int, *dns: str) -> UplinkLease:
    return UplinkLease(
        address=IPv4Interface(f"192.0.{number}.50/24"),
        gateway=IPv4Address(f"192.0.{number}.1"),
        server=IPv4Address(f"192.0.{number}.1"),
        dns=tuple(map(IPv4Address, dns)),
        obtained_at=0,
        renew_at=inf,
        rebind_at=inf,
        expires_at=inf,
    )


ADVERTISED = AdvertisedLine(
    router=IPv6Address("fe80::1"),
    addresses=(IPv6Interface("2001:db8:1::7/64"),),
    dns=(IPv6Address("2001:db8:1::53"), IPv6Address("fd10:20:2::53")),
)


def facts(config: Config = CONFIG) -> Facts:
    """Each line leases a resolver; a's lease and router also name one inside a VLAN of ours."""
    return replace(
        facts_of(config),
        leases={"a": lease(3, "192.0.3.53", "10.20.2.53"), "b": lease(4, "192.0.4.53")},
        advertised={"a": ADVERTISED},
    )


def asked(config: Config = CONFIG, *, silent: bool = False, **states: UplinkState) -> list[str]:
    health = health_of(config, **states)
    text = servers_text(config, health, facts(config), file_is_silent=silent)
    return text.replace("server=", "").splitlines()


def test_fit_lines_ask_their_own_resolvers_and_none_inside() -> None:
    assert asked() == ["192.0.3.53@wan1", "192.0.4.53@wan2", "2001:db8:1::53@wan1"]
    assert asked(a=DOWN) == ["192.0.4.53@wan2", "2001:db8:1::53@wan1"]  # the best of none is asked
    assert asked(a=DOWN, b=DOWN)[0] == "192.0.3.53@wan1"


def test_a_metered_line_is_asked_only_where_no_other_is_fit() -> None:
    metered = TEXT.replace('interface = "wan2"', 'interface = "wan2"\nmetered = true')
    config = config_of(metered.replace('address6 = "auto"\n', ""))
    assert asked(config) == ["192.0.3.53@wan1"]
    assert asked(config, a=DOWN) == ["192.0.4.53@wan2"]


def test_the_word_of_a_provider_counts_beside_the_file_only_while_that_is_silent() -> None:
    config = config_of(TEXT.replace('"hotel"', '"hotel"\ndns = ["1.1.1.1"]'))
    assert asked(config) == []
    assert asked(config, silent=True) == asked()
    own = TEXT.replace('interface = "wan2"', 'interface = "wan2"\ndns = ["192.0.4.9"]')
    config = config_of(own.replace('"hotel"', '"hotel"\ndns = ["1.1.1.1"]'))
    assert asked(config) == ["192.0.4.9@wan2"]
    assert set(asked(config, silent=True)[:2]) == {"192.0.3.53@wan1", "192.0.4.9@wan2"}


def test_none_is_none() -> None:
    none = TEXT.replace('interface = "wan1"', 'interface = "wan1"\ndns = "none"')
    config = config_of(none)
    assert asked(config) == ["192.0.4.53@wan2"]
    assert set(told_resolvers(config, facts(config))) == {"b"}
    assert told_resolvers(config, facts_of(config)) == {}


@pytest.mark.parametrize(
    "text, may",
    [
        (TEXT, True),
        (TEXT.replace('address = "dhcp"', 'address = "external"'), True),
        (
            TEXT.replace('address = "dhcp"', 'address = "external"').replace(
                '6 = "auto"', '6 = "fd::2/64"\ngateway6 = "fd::1"'
            ),
            False,
        ),
    ],
)
def test_the_file_says_whether_a_line_can_bring_a_resolver(text: str, *, may: bool) -> None:
    config = config_of(text)
    assert may_have_resolvers(config) is may
    assert ("\nall-servers\n" in config_text(config)) is may


def test_resolvers_of_a_line_are_reason_enough_to_run() -> None:
    static = TEXT.replace('address6 = "fd10:20:2::1/64"\n', "")
    assert not is_wanted(config_of(static))
    named = static.replace('interface = "wan2"', 'interface = "wan2"\ndns = ["192.0.4.9"]')
    assert is_wanted(config_of(named))
