"""What the settings of a line's health say of it."""

import pytest

from lbrouter.compile.health.settings import uplink_health_settings
from lbrouter.model.kernel_state import AddressFamily
from tests.kit.builders import TWO_LINES, config_of

STATIC6 = 'address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"\n'


@pytest.mark.parametrize(
    "keys, words",
    [
        (STATIC6, "static"),
        ('address6 = "auto"\n', "router advertisements"),
        ('address6 = "dhcp"\n', "DHCPv6"),
    ],
)
def test_who_brings_the_ipv6_address(keys: str, words: str) -> None:
    config = config_of(TWO_LINES.replace(STATIC6, keys))
    settings = uplink_health_settings(config, config.uplinks["fiber"], AddressFamily.V6)
    assert settings.addressing == words
