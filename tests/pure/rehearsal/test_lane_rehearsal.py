"""A lane in a rehearsal: its relay, what a machine without WireGuard does, what its streams saw."""

import re
from dataclasses import replace

import pytest

from lbrouter.compile.relay.cloud_init import relay_setup
from lbrouter.compile.relay.x25519 import private_key_of
from lbrouter.model.errors import UnavailableError
from lbrouter.rehearsal.adapt_config import adapt_config
from lbrouter.rehearsal.analysis.fault_analysis import FaultTimes
from lbrouter.rehearsal.analysis.seamless_analysis import (
    has_second_line,
    seamless_outcome,
    seamless_violations,
)
from lbrouter.rehearsal.lab.cloud_init_files import written_files
from lbrouter.rehearsal.lab.layout import VenueOptions, plan_layout
from lbrouter.rehearsal.report.seamless import SeamlessOutcome
from tests.kit.builders import config_of
from tests.kit.live_streams.lane_venue import LANE_CONFIG

NO_WIREGUARD = "this kernel has no WireGuard"
LANE_ONLY = LANE_CONFIG.replace('["lane", "fiber", "lte"]', '["lane"]')
NAMED_RELAY = LANE_CONFIG.replace("45.79.1.7", "relay.example.org")
MOMENTS = FaultTimes(began_at=10.0, restored_at=12.0, ended_at=14.0)


def test_the_relay_stands_beyond_the_internet_with_the_address_of_the_file() -> None:
    adapted = adapt_config(config_of(LANE_CONFIG), tags=True)
    layout = plan_layout(adapted, options=VenueOptions())
    [relay] = layout.relays
    assert (str(relay.address), relay.port, relay.role) == ("45.79.1.7", 51820, "relay-lane")
    assert [line.name for line in layout.lines] == ["fiber", "lte"]
    assert relay.router not in {leg.peer for line in layout.lines for leg in line.families}
    assert adapted.config.uplinks["lane"].key_file is None


def test_a_relay_that_is_known_by_name_gets_an_address_and_a_note() -> None:
    adapted = adapt_config(config_of(NAMED_RELAY), tags=True)
    relay = adapted.config.uplinks["lane"].relay
    assert relay is not None
    assert relay.address is not None
    assert any("relay.example.org is rehearsed as" in note for note in adapted.notes)


def test_without_wireguard_the_rest_is_rehearsed_and_a_note_says_so() -> None:
    adapted = adapt_config(config_of(LANE_CONFIG), tags=True, no_lanes=NO_WIREGUARD)
    assert list(adapted.config.uplinks) == ["fiber", "lte"]
    assert adapted.config.policies["show"].uplinks == ("fiber", "lte")
    assert f"uplinks.lane: the lane is not rehearsed: {NO_WIREGUARD}" in adapted.notes


def test_a_policy_with_the_lane_alone_cannot_be_rehearsed_without_it() -> None:
    with pytest.raises(UnavailableError, match=re.escape(NO_WIREGUARD)):
        adapt_config(config_of(LANE_ONLY), tags=True, no_lanes=NO_WIREGUARD)


def test_the_files_of_a_cloud_init_are_read_to_the_byte() -> None:
    lane = config_of(LANE_CONFIG).uplinks["lane"]
    keys = [private_key_of(bytes([number]) * 32) for number in (7, 9)]
    made = relay_setup(lane, gateway_private_key=keys[0], relay_private_key=keys[1])
    files = written_files(made.cloud_init)
    assert files["/etc/wireguard/lane.conf"] == made.wireguard
    assert files["/etc/nftables.conf"] == made.nft
    assert files["/etc/sysctl.d/60-relay.conf"] == "net.ipv4.ip_forward = 1\n"


def where(source: str) -> str | None:
    return {"relay": "lane", "one": "fiber"}.get(source)


def stream_rows(*, seen: str = "relay", numbers: int = 90) -> list[dict[str, object]]:
    """Ninety datagrams, ten a second from 5.0 on, and an encoder beside them."""
    sent = [5 + number / 10 for number in range(90)]
    return [
        {
            "kind": "udp",
            "seen": [(5.0, seen)],
            "breaks": [],
            "times": sent[:numbers],
            "sent": sent,
            "numbers": [*range(numbers)],
        },
        {"kind": "push", "seen": [(5.0, seen)], "breaks": [], "times": sent, "sent": []},
        {"kind": "new"},
    ]


def test_streams_in_a_lane_that_notice_nothing_are_seamless() -> None:
    seen = seamless_outcome(stream_rows(), frozenset({"lane"}), MOMENTS, where)
    assert seen is not None
    assert (seen.lane, seen.sent, seen.lost, seen.connections) == ("lane", 35, 0, 1)
    assert seen.gap_ms == pytest.approx(100)
    assert seamless_violations(seen, userspace=False) == []
    assert seen.as_json()["gap_ms"] == pytest.approx(100)


def test_datagrams_that_never_came_are_counted_by_number() -> None:
    seen = seamless_outcome(stream_rows(numbers=80), frozenset({"lane"}), MOMENTS, where)
    assert seen is not None
    assert seen.lost == 5
    assert len(seamless_violations(seen, userspace=False)) == 2


def test_streams_of_another_line_say_nothing_of_the_lane() -> None:
    assert seamless_outcome(stream_rows(seen="one"), frozenset({"lane"}), MOMENTS, where) is None


def test_a_broken_connection_a_silence_and_a_loss_each_have_their_words() -> None:
    seen = SeamlessOutcome(lane="lane", sent=100, lost=2, gap_ms=100, connections=1)
    assert seamless_violations(seen, userspace=True) == []
    assert len(seamless_violations(seen, userspace=False)) == 1
    worse = replace(seen, lost=3, gap_ms=501, connections=2)
    assert len(seamless_violations(worse, userspace=True)) == 3


def test_a_metered_line_is_no_second_line() -> None:
    assert has_second_line(config_of(LANE_CONFIG), "lane")
    metered = LANE_CONFIG.replace(
        'gateway = "198.51.100.1"', 'gateway = "198.51.100.1"\nmetered = true'
    )
    assert not has_second_line(config_of(metered), "lane")
