"""The transition table: total, reached in every entry, and the one that the documents show."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from lbrouter.compile.health import begin
from lbrouter.compile.health.condition import finding, settled
from lbrouter.compile.health.transitions import TABLE, Finding, diagram, matrix
from lbrouter.compile.health.uplink_memory import LONG_AGO, Line, Measure, Standing
from lbrouter.model.health import UplinkState
from tests.kit.health_simulation import lab_config

NOW = 1000.0
WAITING, UP, DEGRADED, DOWN, DRAINED = UplinkState
PAGE = Path(__file__).parents[3] / "docs" / "failover.md"

OUT = (Standing(out=Measure.LOSS),)
LONG_CLEAN, JUST_CLEAN = {"fault_at": LONG_AGO}, {"fault_at": NOW - 1.5}
SITUATIONS = {
    Finding.HELD: {"drained": True},
    Finding.UNPLUGGED: {"carrier": False},
    Finding.UNADDRESSED: {"addressed": False},
    Finding.SILENT: {"heard": False},
    Finding.SHAKY: JUST_CLEAN,
    Finding.SHAKY_UNFIT: {**JUST_CLEAN, "standings": OUT},
    Finding.FIT: LONG_CLEAN,
    Finding.UNFIT: {**LONG_CLEAN, "standings": OUT},
}
EXPECTED = {
    Finding.HELD: (DRAINED, DRAINED, DRAINED, DRAINED, DRAINED),
    Finding.UNPLUGGED: (DOWN, DOWN, DOWN, DOWN, DOWN),
    Finding.UNADDRESSED: (WAITING, WAITING, WAITING, WAITING, WAITING),
    Finding.SILENT: (DOWN, DOWN, DOWN, DOWN, DOWN),
    Finding.SHAKY: (DOWN, UP, UP, DOWN, DOWN),
    Finding.SHAKY_UNFIT: (DOWN, DEGRADED, DEGRADED, DOWN, DOWN),
    Finding.FIT: (UP, UP, UP, UP, UP),
    Finding.UNFIT: (DEGRADED, DEGRADED, DEGRADED, DEGRADED, DEGRADED),
}
PAIRS = list(product(UplinkState, Finding))


def line_in(state: UplinkState, found: Finding) -> Line:
    line = begin(lab_config(), NOW).lines["fiber"]
    return replace(line, state=state, looked_at=NOW, quiet_from=NOW, **SITUATIONS[found])


def test_every_pair_has_its_entry() -> None:
    assert set(TABLE) == set(PAIRS)


@pytest.mark.parametrize("state, found", PAIRS, ids=lambda each: each.name)
def test_every_transition(state: UplinkState, found: Finding) -> None:
    line = line_in(state, found)
    assert finding(line, NOW, lonely=False) is found
    after = settled(line, NOW, lonely=False)
    assert after.state is EXPECTED[found][list(UplinkState).index(state)]
    assert after.since == (line.since if after.state is state else NOW)


@pytest.mark.parametrize("state, found", PAIRS, ids=lambda each: each.name)
def test_only_a_fall_from_use_is_a_flap(state: UplinkState, found: Finding) -> None:
    after = settled(line_in(state, found), NOW, lonely=False)
    fell = state in (UP, DEGRADED) and after.state in (DOWN, WAITING)
    assert after.flaps.count == (1 if fell else 0)


def test_the_strongest_finding_counts() -> None:
    line = line_in(UP, Finding.UNFIT)
    for found in (Finding.SILENT, Finding.UNADDRESSED, Finding.UNPLUGGED, Finding.HELD):
        line = replace(line, **SITUATIONS[found])
        assert finding(line, NOW, lonely=False) is found


def test_the_page_shows_the_table() -> None:
    text = PAGE.read_text()
    assert f"<!-- diagram -->\n```mermaid\n{diagram()}\n```\n<!-- /diagram -->" in text
    assert f"<!-- matrix -->\n{matrix()}\n<!-- /matrix -->" in text
