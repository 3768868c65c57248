"""What `status` says of a lane."""

from dataclasses import replace

import pytest

from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.compile.report.lane_status import lane_status, second_line_warning
from lbrouter.compile.report.status import StatusInputs, status_document
from lbrouter.compile.report.status_types import TrafficMeasurements
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.messages.message import told
from tests.kit.builders import health_of
from tests.kit.lane_config import CONNECTED, lane_config, lane_machine, lane_state

CONFIG = lane_config()
FACTS = lane_machine(CONFIG)
[LANE] = CONFIG.lanes()
METERED = lane_config(('download = "40mbit"', 'download = "40mbit"\nmetered = true'))


def health(config: Config = CONFIG, **states: UplinkState) -> GatewayHealth:
    return health_of(config, **states)


def test_each_line_says_whether_it_carries_and_else_why_not() -> None:
    found = lane_status(CONFIG, LANE, health(fiber=UplinkState.DOWN), FACTS)
    assert found["handshake_age_s"] == 3.0
    assert found["relay"] == "192.0.2.7"
    assert found["over"]["lte"]["carrying"]
    assert found["over"]["lte"]["reason"] == ""
    assert not found["over"]["fiber"]["carrying"]
    assert found["over"]["fiber"]["reason"] == "said so"


def test_a_line_without_an_address_and_a_metered_one_have_their_own_words() -> None:
    gone = replace(FACTS, interfaces={n: f for n, f in FACTS.interfaces.items() if n != "wan1"})
    nameless = UplinkHealth(state=UplinkState.WAITING, why=told(""), alive=False)
    known = health()
    silent = replace(known, uplinks={**known.uplinks, "fiber": nameless})
    assert "no IPv4 address" in lane_status(CONFIG, LANE, silent, gone)["over"]["fiber"]["reason"]
    [metered] = METERED.lanes()
    found = lane_status(METERED, metered, health(METERED), lane_machine(METERED))
    assert found["over"]["lte"]["reason"].startswith("metered")
    without = lane_status(CONFIG, LANE, health(), replace(FACTS, lanes={}))
    assert without["over"]["lte"]["reason"] == "the lane is not set up"
    assert (without["relay"], without["handshake_age_s"]) == (None, None)


@pytest.mark.parametrize(
    "config, states, words",
    [
        (CONFIG, {}, ""),
        (CONFIG, {"fiber": UplinkState.DOWN}, "no second line is left: lte carries lane alone"),
        (CONFIG, {"fiber": UplinkState.DOWN, "lte": UplinkState.DOWN}, "no line carries"),
        (CONFIG, {"fiber": UplinkState.DOWN, "lane": UplinkState.DOWN}, ""),
        (METERED, {}, ""),
        (METERED, {"lte": UplinkState.DOWN}, "fiber carries lane alone"),
    ],
)
def test_one_sentence_says_that_no_second_line_is_left(
    config: Config, states: dict[str, UplinkState], words: str
) -> None:
    [lane] = config.lanes()
    found = second_line_warning(config, lane, health(config, **states), lane_machine(config))
    assert words in str(found or "")
    assert bool(words) == bool(found)
    assert not second_line_warning(config, lane, health(config), replace(FACTS, lanes={}))


def document(facts: Facts, known: GatewayHealth) -> dict[str, object]:
    inputs = StatusInputs(
        allocation=allocate(CONFIG, Allocation()),
        facts=facts,
        observed=lane_state(CONFIG),
        health=known,
        shortfalls=(),
        measured=TrafficMeasurements(),
        config_digest="sha256:0",
        observed_at="2026-11-29T00:00:00Z",
    )
    return dict(status_document(CONFIG, inputs)["uplinks"]["lane"])


def test_the_document_has_the_keys_of_a_lane_at_a_lane_alone() -> None:
    found = document(FACTS, health(fiber=UplinkState.DOWN))
    assert found["address"] == "10.255.0.2/30"
    assert str(found["reason"]).endswith("lte carries lane alone")
    assert {"over", "handshake_age_s", "relay"} <= found.keys()
    assert document(FACTS, health())["reason"] == "said so"


@pytest.mark.parametrize(
    "facts, state, words",
    [
        (FACTS, UplinkState.UP, ""),
        (replace(FACTS, lanes={}), UplinkState.WAITING, "lbrouter relay setup lane"),
        (
            replace(FACTS, lanes={}, no_address_reasons={"lane": told("no key")}),
            UplinkState.WAITING,
            "no key",
        ),
        (
            lane_machine(CONFIG, replace(CONNECTED, handshake_age_s=None)),
            UplinkState.WAITING,
            "no handshake with the relay 192.0.2.7 yet",
        ),
        (
            lane_machine(CONFIG, replace(CONNECTED, handshake_age_s=300.0)),
            UplinkState.WAITING,
            "for 5 min",
        ),
    ],
)
def test_without_a_daemon_a_lane_is_used_once_its_relay_answered(
    facts: Facts, state: UplinkState, words: str
) -> None:
    found = health_without_daemon(CONFIG, facts).uplinks["lane"]
    assert found.state is state
    assert words in found.reason
