"""What a valid file becomes."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface, ip_address
from pathlib import Path

import pytest
from pydantic import ValidationError

from lbrouter.compile.config.parse import parse
from lbrouter.model.config import (
    Addressing,
    AddressRange,
    Bandwidth,
    Config,
    Endpoint,
    ForwardProtocol,
    PolicyMode,
    ProbeTarget,
    Protocol,
    TargetKind,
)
from lbrouter.model.sections.ports import decode_ports
from lbrouter.model.sections.targets import parse_target
from lbrouter.model.units import Duration, Percent, Rate
from tests.kit.sample_config import EXAMPLE_FILES, VALID_CONFIG, parse_text, with_changes

CONFIG = parse_text(VALID_CONFIG).config
FIBER, DSL, LTE = CONFIG.uplinks.values()
STREAM, GUESTS, DESK = CONFIG.vlans.values()


@pytest.mark.parametrize("path", EXAMPLE_FILES, ids=lambda path: path.name)
def test_the_examples_are_good(path: Path) -> None:
    assert parse(path.read_bytes(), source=path.name).config.gateway.name == path.stem


def test_the_event_of_the_virtual_machines_is_good() -> None:
    path = Path(__file__).parents[3] / "vagrant/event.toml"
    assert set(parse(path.read_bytes(), source=path.name).config.uplinks) == {"isp-a", "isp-b"}


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLE_FILES} >= {"awards-night", "two-lines", "identical-lines"}


def test_each_named_section_knows_its_name() -> None:
    assert [uplink.name for uplink in CONFIG.uplinks.values()] == ["fiber", "dsl", "lte"]
    assert [vlan.name for vlan in CONFIG.vlans.values()] == ["stream", "guests", "desk"]
    assert [policy.name for policy in CONFIG.policies.values()] == ["show", "spread"]


def test_an_uplink_says_who_brings_its_addresses() -> None:
    assert FIBER.addressing is Addressing.STATIC
    assert FIBER.static4 == IPv4Interface("203.0.113.2/30")
    assert FIBER.static6 == IPv6Interface("2001:db8:1::2/64")
    assert DSL.addressing is Addressing.PPPOE
    assert LTE.addressing is Addressing.DHCP
    assert (LTE.static4, LTE.static6, LTE.auto6, FIBER.auto6) == (None, None, True, False)


def test_rates_have_a_type() -> None:
    assert FIBER.upload == Rate(50_000_000)
    assert STREAM.upload == Bandwidth(guaranteed=Rate(12_000_000), ceiling=Rate(40_000_000))
    assert STREAM.download == Bandwidth(guaranteed=Rate(10_000_000))
    assert GUESTS.upload is None


def test_a_vlan_has_a_device_on_the_trunk_or_a_port() -> None:
    assert [CONFIG.vlan_device(vlan) for vlan in CONFIG.vlans.values()] == [
        "lan0.10",
        "lan0.40",
        "lan1",
    ]


def test_an_uplinks_own_health_settings_go_before_the_common_ones() -> None:
    assert CONFIG.health_settings_of(FIBER) == CONFIG.health
    own = CONFIG.health_settings_of(LTE)
    assert own.down_after == Duration(2000)
    assert (own.interval, own.targets) == (Duration(200), CONFIG.health.targets)


def test_health_has_the_contracts_defaults() -> None:
    urls = ["icmp://1.1.1.1", "icmp://8.8.8.8", "dns://9.9.9.9", "tcp://1.0.0.1:443"]
    assert [str(target) for target in CONFIG.health.targets] == urls
    times = CONFIG.health.interval, CONFIG.health.down_after, CONFIG.health.up_after
    assert [str(time) for time in times] == ["200ms", "800ms", "10s"]


def test_weights_name_the_uplinks_of_a_policy() -> None:
    spread = CONFIG.policies["spread"]
    assert spread.mode is PolicyMode.BALANCE
    assert spread.uplinks == ("fiber", "lte")
    assert spread.sticky == Duration(600_000)
    assert CONFIG.policies["show"].tolerate.loss == Percent(200)


def test_rules_and_forwards_are_typed() -> None:
    [rule], [forward] = CONFIG.rules, CONFIG.forwards
    assert (rule.from_, rule.protocol, rule.ports) == (
        ("guests",),
        Protocol.TCP,
        (decode_ports(1935),),
    )
    assert rule.to == (IPv4Network("0.0.0.0/0"),)
    assert forward.protocol is ForwardProtocol.TCP
    assert forward.to == Endpoint(address=IPv4Address("10.10.10.20"), port=443)


def test_one_element_may_stand_without_brackets() -> None:
    listed = with_changes(
        ('from = "guests"', 'from = ["guests"]'), ('"0.0.0.0/0"', '["0.0.0.0/0"]')
    )
    assert parse_text(listed).config == CONFIG


def test_a_mark_at_the_start_and_windows_line_ends_do_no_harm() -> None:
    assert (
        parse_text(b"\xef\xbb\xbf" + VALID_CONFIG.replace("\n", "\r\n").encode()).config == CONFIG
    )


def test_nothing_of_a_configuration_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        FIBER.upload = Rate(1)  # type: ignore[misc]


def test_a_model_takes_values_of_its_types_as_they_are() -> None:
    assert Bandwidth(guaranteed=Rate(1_000_000)).guaranteed == Rate(1_000_000)
    again = Config.model_validate({name: value for name, value in CONFIG if name != "rules"})
    assert again == CONFIG.model_copy(update={"rules": ()})


def test_a_range_holds_its_ends_and_what_lies_between() -> None:
    found = AddressRange(start=IPv4Address("10.0.0.5"), end=IPv4Address("10.0.0.9"))
    inside = ["10.0.0.4", "10.0.0.5", "10.0.0.9", "10.0.0.10", "::a00:5"]
    assert [ip_address(each) in found for each in inside] == [False, True, True, False, False]


@pytest.mark.parametrize(
    "url, target",
    [
        ("icmp://1.1.1.1", ProbeTarget(kind=TargetKind.ICMP, host="1.1.1.1")),
        ("icmp://[2606:4700::1]", ProbeTarget(kind=TargetKind.ICMP, host="2606:4700::1")),
        ("dns://9.9.9.9", ProbeTarget(kind=TargetKind.DNS, host="9.9.9.9", port=53)),
        ("dns://9.9.9.9:5353", ProbeTarget(kind=TargetKind.DNS, host="9.9.9.9", port=5353)),
        ("tcp://one.one:443", ProbeTarget(kind=TargetKind.TCP, host="one.one", port=443)),
        ("tcp://[2001:db8::1]:80", ProbeTarget(kind=TargetKind.TCP, host="2001:db8::1", port=80)),
        ("http://x.org/", ProbeTarget(kind=TargetKind.HTTP, host="x.org", port=80, path="/")),
        (
            "https://x.org:8443/a?b=c",
            ProbeTarget(kind=TargetKind.HTTPS, host="x.org", port=8443, path="/a?b=c"),
        ),
    ],
)
def test_a_target_is_a_url(url: str, target: ProbeTarget) -> None:
    assert parse_target(url) == target
    assert str(target) == url


def test_a_target_knows_its_address_unless_it_is_a_name() -> None:
    assert parse_target("icmp://1.1.1.1").address == IPv4Address("1.1.1.1")
    assert parse_target("https://X.org").address is None
    assert str(parse_target("https://X.org")) == "https://x.org/"


def test_without_a_trunk_a_device_has_no_parent() -> None:
    """The cross-checks refuse such a file; the model itself still answers."""
    assert CONFIG.model_copy(update={"lan": None}).vlan_device(STREAM) == ".10"
