"""Counts, rates, moments and colours as people read them; whether the kernel can be trusted."""

from datetime import UTC
from io import StringIO
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from lbrouter.cli.commands.status import status_tables
from lbrouter.cli.output.kernel_truth import unverified_kernel
from lbrouter.compile.report.clock import local_date_time, local_time, zone_name
from lbrouter.compile.report.i18n import translate
from lbrouter.compile.report.incidents import STATE_SEVERITY
from lbrouter.compile.report.status import status_document
from lbrouter.compile.report.status_types import Status
from lbrouter.compile.report.styles import (
    STATE_STYLES,
    STATES_FROM_WORST,
    state_style,
    worst_state,
)
from lbrouter.compile.report.wording import counted
from lbrouter.model.health import UplinkState
from lbrouter.model.language import Language
from tests.kit.builders import TWO_LINES, config_of, health_of
from tests.kit.status_documents import status_inputs

AT = "2026-11-24T20:14:03.000Z"
JAKARTA = ZoneInfo("Asia/Jakarta")
CONFIG = config_of(TWO_LINES)


@pytest.mark.parametrize("number, text", [(0, "0 changes"), (1, "1 change"), (2, "2 changes")])
def test_one_is_not_several(number: int, text: str) -> None:
    assert counted(number, "change", "changes") == text


def test_a_moment_is_in_the_readers_zone_with_seconds() -> None:
    assert local_time(AT, JAKARTA) == "03:14:03"
    assert local_date_time(AT, JAKARTA) == "25 Nov 03:14:03"
    assert zone_name(AT, JAKARTA) == "WIB"
    assert zone_name(AT, UTC) == "UTC"
    assert zone_name(AT, ZoneInfo("Asia/Dubai")) == "UTC+04"


def test_what_is_no_moment_stays_as_it_is() -> None:
    assert local_time("soon", UTC) == local_date_time("soon", UTC) == "soon"
    assert zone_name("soon", UTC) == ""


def test_every_state_has_one_colour_a_word_and_a_severity() -> None:
    states = {*UplinkState, "checking"}
    assert states == set(STATE_STYLES) == set(STATES_FROM_WORST)
    assert all(translate(Language.ID, state) != state for state in states)
    assert states <= set(STATE_SEVERITY)
    assert len(set(STATE_STYLES.values())) == len(states), "no two states look the same"
    assert state_style("of a later release") == ""


def test_the_worst_of_several_states_counts() -> None:
    assert worst_state(frozenset({"up", "checking", "down"})) == "down"
    assert worst_state(frozenset({"up", "drained", "checking"})) == "checking"
    assert worst_state(frozenset({"of a later release"})) == "up"


def document(**more: Any) -> Status:
    states = {"fiber": UplinkState.DOWN}
    found = status_document(CONFIG, status_inputs(CONFIG, health=health_of(CONFIG, **states)))
    found["uplinks"]["fiber"]["since"] = AT
    found["uplinks"]["fiber"]["rtt_ms"] = 7.5
    return cast("Status", {**found, **more})


def plain_text(status: Status) -> str:
    file = StringIO()
    Console(file=file, width=200).print(status_tables(status, JAKARTA))
    return file.getvalue()


def test_a_dead_line_has_no_round_trip_and_says_since_when() -> None:
    text = plain_text(document(daemon=True))
    [row] = [line for line in text.splitlines() if line.startswith("fiber")]
    assert "since 03:14:03: " in row
    assert "7.5 ms" not in text
    assert text.splitlines()[0].rstrip().endswith("WIB")
    assert "since" not in plain_text(document())


@pytest.mark.parametrize(
    "kernel, wrong",
    [
        (None, False),
        ({"verified": True, "since": AT, "reason": None}, False),
        ({"verified": False, "since": AT, "reason": "tc refused"}, True),
    ],
)
def test_a_kernel_that_does_not_hold_what_it_should_is_told(kernel: object, *, wrong: bool) -> None:
    found = document(kernel=kernel)
    assert (unverified_kernel(found) is not None) == wrong
    assert ("since 03:14:03" in plain_text(found)) == wrong
    assert ("tc refused" in plain_text(found)) == wrong
