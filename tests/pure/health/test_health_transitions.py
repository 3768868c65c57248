"""The transition table: total, reached in every entry, and the one that the documents show."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from lbrouter.compile.health import initial_state
from lbrouter.compile.health.condition import condition_of, evaluate_uplink
from lbrouter.compile.health.transitions import (
    TRANSITIONS,
    UplinkCondition,
    markdown_matrix,
    mermaid_diagram,
)
from lbrouter.compile.health.uplink_memory import (
    LONG_AGO,
    PolicyTolerance,
    QualityMetric,
    UplinkMemory,
)
from lbrouter.model.health import UplinkState
from tests.kit.health_simulation import simulation_config

NOW = 1000.0
WAITING, UP, DEGRADED, DOWN, DRAINED, CHECKING = UplinkState
FAILOVER_DOC = Path(__file__).parents[3] / "docs" / "failover.md"

LOSS_EXCEEDED = (PolicyTolerance(exceeded=QualityMetric.LOSS),)
LONG_CLEAN = {"judged": True, "last_fault_at": LONG_AGO}
JUST_CLEAN = {"judged": True, "last_fault_at": NOW - 1.5}
CONDITION_FIELDS = {
    UplinkCondition.NO_INTERFACE: {"present": False, "carrier": False},
    UplinkCondition.NO_CARRIER: {"carrier": False},
    UplinkCondition.NO_ADDRESS: {"addressed": False},
    UplinkCondition.SILENT: {"judged": True, "responding": False},
    UplinkCondition.DRAINED: {"drained": True},
    UplinkCondition.UNJUDGED: {"judged": False},
    UplinkCondition.UNPROVEN: JUST_CLEAN,
    UplinkCondition.UNPROVEN_UNFIT: {**JUST_CLEAN, "policy_tolerance": LOSS_EXCEEDED},
    UplinkCondition.FIT: LONG_CLEAN,
    UplinkCondition.UNFIT: {**LONG_CLEAN, "policy_tolerance": LOSS_EXCEEDED},
}
EXPECTED = {
    UplinkCondition.NO_INTERFACE: (WAITING,) * 6,
    UplinkCondition.NO_CARRIER: (DOWN,) * 6,
    UplinkCondition.NO_ADDRESS: (WAITING,) * 6,
    UplinkCondition.SILENT: (DOWN,) * 6,
    UplinkCondition.DRAINED: (DRAINED,) * 6,
    UplinkCondition.UNJUDGED: (CHECKING,) * 6,
    UplinkCondition.UNPROVEN: (CHECKING, UP, UP, DOWN, DOWN, CHECKING),
    UplinkCondition.UNPROVEN_UNFIT: (CHECKING, DEGRADED, DEGRADED, DOWN, DOWN, CHECKING),
    UplinkCondition.FIT: (UP,) * 6,
    UplinkCondition.UNFIT: (DEGRADED,) * 6,
}
PAIRS = list(product(UplinkState, UplinkCondition))


def uplink_in_condition(state: UplinkState, found: UplinkCondition) -> UplinkMemory:
    line = initial_state(simulation_config(), NOW).uplinks["fiber"]
    standing = {"state": state, "last_tolerance_check_at": NOW, "silent_since": NOW}
    return replace(line, **{"judged": True, **standing, **CONDITION_FIELDS[found]})


def test_every_pair_has_its_entry() -> None:
    assert set(TRANSITIONS) == set(PAIRS)


@pytest.mark.parametrize("state, found", PAIRS, ids=lambda each: each.name)
def test_every_transition(state: UplinkState, found: UplinkCondition) -> None:
    line = uplink_in_condition(state, found)
    assert condition_of(line, NOW, is_last_resort=False) is found
    after = evaluate_uplink(line, NOW, is_last_resort=False)
    assert after.state is EXPECTED[found][list(UplinkState).index(state)]
    assert after.since == (line.since if after.state is state else NOW)


@pytest.mark.parametrize("state, found", PAIRS, ids=lambda each: each.name)
def test_only_a_fall_from_use_is_a_flap(state: UplinkState, found: UplinkCondition) -> None:
    after = evaluate_uplink(uplink_in_condition(state, found), NOW, is_last_resort=False)
    fell = state in (UP, DEGRADED) and after.state in (DOWN, WAITING)
    assert after.flap_penalty.count == (1 if fell else 0)


def test_the_strongest_condition_counts() -> None:
    line = uplink_in_condition(UP, UplinkCondition.UNFIT)
    for found in reversed(list(UplinkCondition)[:6]):
        line = replace(line, **CONDITION_FIELDS[found])
        line = replace(line, judged=found is not UplinkCondition.UNJUDGED)
        assert condition_of(line, NOW, is_last_resort=False) is found


def test_the_page_shows_the_table() -> None:
    text = FAILOVER_DOC.read_text()
    assert f"<!-- diagram -->\n```mermaid\n{mermaid_diagram()}\n```\n<!-- /diagram -->" in text
    assert f"<!-- matrix -->\n{markdown_matrix()}\n<!-- /matrix -->" in text
