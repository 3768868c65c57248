"""What `check` says of a lane: each wrong key named, and what is legal and costs something."""

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import ConfigError
from lbrouter.model.sections.device_names import lane_device_name
from tests.kit.lane_config import LANE_TEXT, lane_config

RELAY = 'relay = "192.0.2.7:51820"'
OVER = 'over = ["fiber", "lte"]'


def errors_of(*changes: tuple[str, str]) -> str:
    text = LANE_TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    with pytest.raises(ConfigError) as refused:
        parse(text.encode(), source="lane.toml")
    return str(refused.value)


def warnings_of(*changes: tuple[str, str]) -> str:
    text = LANE_TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return "\n".join(parse(text.encode(), source="lane.toml").warnings)


@pytest.mark.parametrize(
    "old, new, where, why",
    [
        (OVER, "", "uplinks.lane.over", "is missing"),
        (OVER, 'over = "fiber"', "uplinks.lane.over", "names one line"),
        (OVER, 'over = ["fiber", "dsl"]', "uplinks.lane.over[1]", "no [uplinks.dsl]"),
        (OVER, 'over = ["fiber", "fiber"]', "uplinks.lane.over[1]", "twice"),
        (OVER, 'over = ["fiber", "lte", "lane"]', "uplinks.lane.over[2]", "the lane itself"),
        (RELAY, 'relay = "192.0.2.7"', "uplinks.lane.relay", "lacks its port"),
        (RELAY, 'relay = "192.0.2.7:0"', "uplinks.lane.relay", "not in 1 to 65535"),
        (RELAY, 'relay = "[2001:db8::1]:51820"', "uplinks.lane.relay", "IPv6"),
        (RELAY, 'relay = "300.1.1.1:51820"', "uplinks.lane.relay", "is not an IP address"),
        (RELAY, 'relay = "-x-:51820"', "uplinks.lane.relay", "names no host"),
        (RELAY, RELAY + '\nrelay_key = "abc"', "uplinks.lane.relay_key", "not a WireGuard key"),
        (RELAY, f'{RELAY}\nrelay_key = "{"A" * 43}="', "uplinks.lane.relay_key", "of zeros"),
        (RELAY, RELAY + '\nkey_file = "x"', "uplinks.lane.key_file", "not an absolute path"),
        (RELAY, RELAY + '\ninside = "10.255.0.1/30"', "uplinks.lane.inside", "for the relay"),
        (RELAY, RELAY + '\ninside = "10.255.0.2/31"', "uplinks.lane.inside", "for the relay"),
        (RELAY, RELAY + '\ninside = "10.10.10.2/30"', "vlans.stream.address", "overlaps"),
        (
            RELAY,
            RELAY + '\ninterface = "wan3"',
            "uplinks.lane.interface",
            "cannot be used with a lane",
        ),
        (
            RELAY,
            RELAY + '\naddress6 = "auto"',
            "uplinks.lane.address6",
            "cannot be used with a lane",
        ),
        ('interface = "wan1"\n', "", "uplinks.fiber.interface", "is missing"),
        (
            'gateway = "203.0.113.1"',
            'gateway = "203.0.113.1"\nrelay = "192.0.2.7:1"',
            "uplinks.fiber.relay",
            'can be used with address = "lane" only',
        ),
    ],
)
def test_a_wrong_key_of_a_lane_is_named(old: str, new: str, where: str, why: str) -> None:
    found = [line for line in errors_of((old, new)).splitlines() if where in line]
    assert any(why in line for line in found), errors_of((old, new))


def test_a_lane_over_a_lane_and_over_ipv6_alone_are_refused() -> None:
    second = '[uplinks.second]\naddress = "lane"\nover = ["lane", "six"]\n' + RELAY + "\n"
    six = '[uplinks.six]\ninterface = "wan6"\naddress6 = "auto"\n'
    said = errors_of(("[vlans.stream]", f"{second}{six}[vlans.stream]"))
    assert "is a lane itself" in said
    assert "has IPv6 alone" in said


def test_a_lane_has_no_name_of_a_device_of_ours() -> None:
    said = errors_of(
        ("[uplinks.lane]", "[uplinks.void]"), ('"lane", "fiber", "lte"]', '"void", "fiber"]')
    )
    assert "lbr-void" in said


def test_a_long_name_gives_a_device_that_the_kernel_takes() -> None:
    first, second = (lane_device_name(f"the-lane-of-the-awards-{each}") for each in "ab")
    assert len(first) == len(second) == 15
    assert first != second
    assert lane_device_name("lane") == "lbr-lane"


def test_the_example_has_no_warning_but_those_that_cost_something() -> None:
    assert warnings_of() == ""
    assert "names no relay yet" in warnings_of((RELAY, ""))
    metered = warnings_of(('download = "40mbit"', 'download = "40mbit"\nmetered = true'))
    assert '"lte" is metered and carries copies only while fiber has a problem' in metered


def test_a_line_that_cannot_carry_the_whole_stream_is_named_with_the_arithmetic() -> None:
    said = warnings_of(('guaranteed = "10mbit"', 'guaranteed = "19mbit"'))
    assert "lte carries 20mbit of upload" in said
    assert "20.9mbit" in said
    assert "fiber" not in said
    both = warnings_of(('download = { guaranteed = "4mbit" }', 'download={guaranteed="60mbit"}'))
    assert "lte carries 40mbit of download" in both
    unshaped = warnings_of(
        ('guaranteed = "10mbit"', 'guaranteed = "19mbit"'), ('upload = "20mbit"\n', "")
    )
    assert "lte carries" not in unshaped
    assert warnings_of(('upload = { guaranteed = "10mbit" }\n', "")) == ""


def test_a_relay_may_have_a_name() -> None:
    [lane] = lane_config((RELAY, 'relay = "Relay.Example.org:443"')).lanes()
    assert lane.relay is not None
    assert (str(lane.relay), lane.relay.address) == ("relay.example.org:443", None)
    key = "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8="
    [keyed] = lane_config((RELAY, f'{RELAY}\nrelay_key = "{key}"')).lanes()
    assert keyed.relay_key == key
    assert lane_config().lanes_over("fiber") == lane_config().lanes()
