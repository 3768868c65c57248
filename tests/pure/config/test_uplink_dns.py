"""`uplinks.NAME.dns`: what it may hold, and what is said of the rest."""

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import ConfigError
from tests.kit.builders import TWO_LINES, config_of
from tests.kit.lane_config import LANE_TEXT


def with_dns(value: str, text: str = TWO_LINES) -> str:
    return text.replace('interface = "wan2"\n', f'interface = "wan2"\ndns = {value}\n', 1)


def test_the_default_is_what_the_lease_names() -> None:
    lte = config_of(TWO_LINES).uplinks["lte"]
    assert (lte.resolvers, lte.uses_lease_dns) == ((), True)
    lte = config_of(with_dns('"none"')).uplinks["lte"]
    assert (lte.resolvers, lte.uses_lease_dns) == ((), False)
    lte = config_of(with_dns('["198.51.100.1", "198.51.100.9"]')).uplinks["lte"]
    assert ([str(each) for each in lte.resolvers], lte.uses_lease_dns) == (
        ["198.51.100.1", "198.51.100.9"],
        False,
    )
    assert config_of(with_dns('"198.51.100.1"')).uplinks["lte"].resolvers


@pytest.mark.parametrize(
    "value, why",
    [
        ('["lease", "198.51.100.1"]', "such a word stands alone"),
        ('["198.51.100.1", "198.51.100.1"]', "twice"),
        ('["10.10.10.53"]', "lies in 10.10.10.0/24 of vlans.stream.address, not on this line"),
        ('["fd10:10::53"]', "lies in fd10:10::/64 of vlans.stream.address6"),
        ('["2001:db8::53"]', "is an IPv6 address, and the line has no address6"),
        ('["resolver.example"]', '"lease", "none", or an address such as "198.51.100.1"'),
        ("[]", "has too few elements"),
    ],
)
def test_what_makes_no_sense_is_named(value: str, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(with_dns(value).encode(), source="test.toml")
    assert "uplinks.lte.dns" in str(refused.value)
    assert why in str(refused.value)


def test_a_line_without_ipv4_has_no_resolver_there_and_a_lane_none_of_its_own() -> None:
    text = """
[gateway]
name = "six"
[uplinks.a]
interface = "wan1"
address6 = "auto"
dns = ["192.0.2.53"]
"""
    with pytest.raises(ConfigError, match="and the line has no address"):
        parse(text.encode(), source="test.toml")
    external = text.replace('address6 = "auto"', 'address = "external"').replace(
        "192.0.2.53", "::53"
    )
    assert config_of(external).uplinks["a"].resolvers
    relay = 'relay = "192.0.2.7:51820"'
    lane = LANE_TEXT.replace(relay, f'{relay}\ndns = ["192.0.2.53"]')
    with pytest.raises(ConfigError, match="cannot be used with a lane"):
        parse(lane.encode(), source="test.toml")
