"""What `lbrouter init` proposes is a file that `check` accepts, whatever the machine looks like."""

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from lbrouter.compile.config.parse import ParsedConfig, parse
from lbrouter.compile.config.starter import (
    DetectedPort,
    describe_port,
    guess_answers,
    lines_without_rates,
    starter_config,
    uplinks_on,
)
from lbrouter.model.errors import UnavailableError
from lbrouter.model.units import Rate

pytestmark = pytest.mark.pure

FIBER = DetectedPort(
    name="enp1s0",
    mac="02:00:00:00:00:01",
    driver="igc",
    carrier=True,
    speed_mbit=2500,
    dhcp_offer=IPv4Interface("10.10.3.4/24"),
)
LTE = DetectedPort(name="enp2s0", carrier=True, dhcp_offer=IPv4Interface("192.168.8.100/24"))
OFFICE = DetectedPort(name="enp4s0", carrier=True, system_address=IPv4Interface("172.20.0.9/16"))
SLOW_PORT = DetectedPort(name="enp5s0", carrier=True, speed_mbit=100)
FAST_PORT = DetectedPort(name="enp3s0", carrier=True, speed_mbit=1000)
EMPTY_PORT = DetectedPort(name="enp9s0")


def parse_proposal(*ports: DetectedPort, rate: Rate | None = None) -> ParsedConfig:
    answers = guess_answers(ports, name="gala")
    measured = tuple(replace(line, upload=rate, download=rate) for line in answers.uplinks)
    return parse(starter_config(replace(answers, uplinks=measured), ports).encode(), source="init")


def test_lines_are_where_somebody_offers_an_address_and_the_fastest_other_is_the_trunk() -> None:
    config = parse_proposal(FIBER, LTE, SLOW_PORT, FAST_PORT).config
    assert [each.interface for each in config.uplinks.values()] == ["enp1s0", "enp2s0"]
    assert config.lan is not None
    assert config.lan.trunk == "enp3s0"


def test_a_port_that_the_system_configured_is_watched_and_not_taken() -> None:
    config = parse_proposal(OFFICE, FIBER, FAST_PORT).config
    assert str(config.uplinks["line1"].addressing) == "external"
    assert str(config.uplinks["line2"].addressing) == "dhcp"


def test_without_any_offer_the_first_two_ports_are_lines() -> None:
    config = parse_proposal(SLOW_PORT, FAST_PORT, EMPTY_PORT).config
    assert [each.interface for each in config.uplinks.values()] == ["enp5s0", "enp3s0"]
    assert config.lan is not None
    assert config.lan.trunk == "enp9s0"


def test_where_every_port_offers_an_address_the_last_is_the_trunk() -> None:
    assert guess_answers([FIBER, LTE], name="gala").trunk == "enp2s0"


@pytest.mark.parametrize("ports", [(), (FIBER,)])
def test_fewer_than_two_ports_are_no_gateway(ports: tuple[DetectedPort, ...]) -> None:
    with pytest.raises(UnavailableError, match="two network ports"):
        guess_answers(ports, name="gala")


def test_the_vlans_keep_away_from_the_lines_own_networks() -> None:
    for ports, base in (((LTE, EMPTY_PORT), "10.10"), ((FIBER, EMPTY_PORT), "10.77")):
        assert str(parse_proposal(*ports).config.vlans["stream"].address).startswith(base)
    everywhere = [
        replace(FIBER, name=f"enp{number}s0", dhcp_offer=IPv4Interface(f"{base}.7.2/24"))
        for number, base in enumerate(("10.10", "10.77", "172.20", "192.168"))
    ]
    assert guess_answers([*everywhere, EMPTY_PORT], name="gala").address_base == "192.168"


def test_guarantees_stand_when_every_rate_is_known() -> None:
    config = parse_proposal(FIBER, LTE, EMPTY_PORT, rate=Rate.parse("20mbit")).config
    assert config.vlans["stream"].upload is not None
    assert config.vlans["stream"].upload.guaranteed == Rate.parse("8mbit")
    assert parse_proposal(FIBER, LTE, EMPTY_PORT).config.vlans["stream"].upload is None


def test_a_guarantee_holds_on_the_lines_with_a_rate_and_says_where_not() -> None:
    answers = guess_answers((FIBER, LTE, EMPTY_PORT), name="gala")
    fiber, other = answers.uplinks
    rated = replace(fiber, upload=Rate.parse("20mbit"))
    text = starter_config(replace(answers, uplinks=(rated, other)))
    assert 'upload   = { guaranteed = "8mbit" }   # not on line2: no upload rate yet' in text
    stream = parse(text.encode(), source="init").config.vlans["stream"]
    assert stream.upload is not None
    assert stream.download is None
    assert lines_without_rates(answers) == ("line1", "line2")
    full = replace(rated, download=Rate.parse("20mbit"))
    assert lines_without_rates(replace(answers, uplinks=(full, rated))) == ("line1",)


def test_lines_are_named_after_what_is_plugged_in() -> None:
    modem = replace(FIBER, name="enx0c5b8f279a64", driver="cdc_ether")
    phone = replace(FIBER, name="usb0", driver="rndis_host")
    wireless = replace(FIBER, name="wlp3s0", driver="iwlwifi")
    built_in = replace(FIBER, name="wwan0", driver="iosm")
    names = [line.name for line in uplinks_on((FIBER, modem, phone, wireless, built_in, OFFICE))]
    assert names == ["line1", "lte", "phone", "wifi", "lte2", "line6"]


def test_no_proposal_raises_a_warning() -> None:
    assert parse_proposal(FIBER, LTE, EMPTY_PORT, rate=Rate.parse("20mbit")).warnings == ()
    assert parse_proposal(FIBER, LTE, EMPTY_PORT).warnings == ()


def test_the_manager_reaches_the_gateway_and_the_guests_do_not() -> None:
    vlans = parse_proposal(FIBER, LTE, EMPTY_PORT).config.vlans
    assert [name for name, vlan in vlans.items() if vlan.manage] == ["desk"]


def test_what_was_seen_of_a_port_stands_in_the_file() -> None:
    assert describe_port(FIBER) == (
        "enp1s0 (igc, 02:00:00:00:00:01): cable plugged in, 2500 Mbit/s, a DHCP server offers"
        " 10.10.3.4/24"
    )
    assert "the system gave it 172.20.0.9/16" in describe_port(OFFICE)
    assert "no cable" in describe_port(EMPTY_PORT)


def test_sixteen_ports_give_fifteen_lines() -> None:
    ports = [replace(SLOW_PORT, name=f"enp{number}s0") for number in range(17)]
    assert len(uplinks_on(ports)) == 15
