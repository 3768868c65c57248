"""The relay: its keys by RFC 7748, and the files of its cloud-init."""

from base64 import b64encode

import pytest

from lbrouter.compile.relay.cloud_init import closed_port, relay_setup
from lbrouter.compile.relay.silence_reasons import (
    ClockComparison,
    silence_cause,
    silence_reason,
    unresolved_name,
)
from lbrouter.compile.relay.x25519 import private_key_of, public_key_of
from lbrouter.model.messages.codes import LaneCode
from tests.kit.lane_config import lane_config

GATEWAY = private_key_of(bytes(range(32)))
RELAY = private_key_of(bytes(range(32, 64)))
[LANE] = lane_config().lanes()


def test_a_public_key_is_that_of_rfc_7748() -> None:
    """Bob's keys of section 6.1."""
    private = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    public = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
    assert public_key_of(b64encode(private).decode()) == b64encode(public).decode()


def test_a_private_key_has_the_bits_that_wg_genkey_sets() -> None:
    for random in (bytes(32), bytes([255] * 32)):
        assert private_key_of(private_bytes := random) == private_key_of(private_bytes)
    assert private_key_of(bytes(32)).endswith("EA=")
    assert public_key_of(private_key_of(bytes([255] * 32))) != public_key_of(GATEWAY)


def test_the_same_lane_and_keys_give_the_same_text_and_other_keys_another() -> None:
    first, again = (
        relay_setup(LANE, gateway_private_key=GATEWAY, relay_private_key=RELAY) for _ in range(2)
    )
    assert first == again
    other = relay_setup(LANE, gateway_private_key=GATEWAY, relay_private_key=GATEWAY)
    assert other.cloud_init != first.cloud_init


def test_the_cloud_init_holds_both_files_and_the_gateways_private_key_nowhere() -> None:
    found = relay_setup(LANE, gateway_private_key=GATEWAY, relay_private_key=RELAY)
    assert found.cloud_init.startswith("#cloud-config\n")
    for text in (found.wireguard, found.nft):
        for line in text.splitlines():
            assert f"      {line}".rstrip() in found.cloud_init.splitlines()
    assert GATEWAY not in found.cloud_init
    assert RELAY in found.wireguard
    assert f"PublicKey = {public_key_of(GATEWAY)}" in found.wireguard
    assert "Address = 10.255.0.1/30" in found.wireguard
    assert "AllowedIPs = 10.255.0.2/32" in found.wireguard
    assert (found.port, found.inside) == (51820, "10.255.0.2/30")
    assert (found.gateway_public_key, found.relay_public_key) == (
        public_key_of(GATEWAY),
        public_key_of(RELAY),
    )


def test_the_relay_lets_in_its_port_and_ssh_and_nothing_else() -> None:
    [other] = lane_config(("192.0.2.7:51820", "relay.example.org:443")).lanes()
    nft = relay_setup(other, gateway_private_key=GATEWAY, relay_private_key=RELAY).nft
    accepted = [line.strip() for line in nft.splitlines() if line.endswith("accept")]
    assert "udp dport 443 accept" in accepted
    assert [line for line in accepted if line.startswith("tcp")] == ["tcp dport 22 accept"]
    assert "masquerade" in nft
    assert closed_port(443) == 444
    assert closed_port(65535) == 65534


def test_a_lane_without_a_relay_can_be_set_up_already() -> None:
    [lane] = lane_config(('relay = "192.0.2.7:51820"', "")).lanes()
    assert relay_setup(lane, gateway_private_key=GATEWAY, relay_private_key=RELAY).port == 51820


def test_a_relay_without_its_firewall_does_not_start_and_needs_no_names_of_protocols() -> None:
    """A small Debian has no /etc/protocols: nft then knows tcp and udp by name, and no others."""
    made = relay_setup(LANE, gateway_private_key=GATEWAY, relay_private_key=RELAY)
    assert "meta l4proto { 1, 58 }" in made.nft
    assert "Requires=nftables.service" in made.cloud_init


LINE, ECHO, UDP, OLD_CLOCK, NAMELESS = "line", "echo", "udp", "clock", "nameless"
CLOCK = ClockComparison(now="2010-01-01 00:00", later="2026-11-29 00:00")


@pytest.mark.parametrize(
    "found, cause, words",
    [
        ((), LaneCode.NO_LINE, "none of fiber, lte has an address"),
        ((LINE,), LaneCode.RELAY_GONE, "does not answer by any line"),
        ((LINE, OLD_CLOCK), LaneCode.RELAY_GONE, "does not answer by any line"),
        ((LINE, NAMELESS), LaneCode.NAME_UNRESOLVED, "and that does not answer"),
        ((LINE, ECHO, NAMELESS), LaneCode.UDP_BLOCKED, "UDP port 51820 does not pass"),
        ((LINE, ECHO), LaneCode.UDP_BLOCKED, "UDP port 51820 does not pass"),
        ((LINE, ECHO, UDP), LaneCode.KEYS_DIFFER, "keys differ"),
        ((LINE, UDP), LaneCode.KEYS_DIFFER, "keys differ"),
        ((LINE, ECHO, UDP, OLD_CLOCK), LaneCode.CLOCK, "says 2010-01-01"),
    ],
)
def test_each_kind_of_silence_has_its_own_reason(
    found: tuple[str, ...], cause: LaneCode, words: str
) -> None:
    told = silence_cause(
        clock_is_wrong=OLD_CLOCK in found,
        echo=ECHO in found,
        udp=UDP in found,
        asked_by_a_line=LINE in found,
        name_resolves=NAMELESS not in found,
    )
    reason = silence_reason(told, LANE, "192.0.2.7", CLOCK)
    assert reason.code is told is cause
    assert words in reason.text
    [nameless] = lane_config(('relay = "192.0.2.7:51820"', "")).lanes()
    assert silence_reason(told, nameless, "192.0.2.7", CLOCK).text


def test_a_name_that_does_not_resolve_is_said_with_its_last_address() -> None:
    [named] = lane_config(("192.0.2.7:51820", "relay.example.org:51820")).lanes()
    said = unresolved_name(named, "192.0.2.7")
    assert said.text.startswith("relay.example.org does not resolve: 192.0.2.7 is the last")
    assert said.code is LaneCode.NAME_UNRESOLVED
