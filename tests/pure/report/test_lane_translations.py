"""Each sentence about a relay has an Indonesian one."""

import pytest

from lbrouter.compile.relay.silence_reasons import (
    ClockComparison,
    SilenceCause,
    silence_reason,
    unresolved_name,
)
from lbrouter.compile.report.i18n import translate_reason
from lbrouter.compile.report.lane_status import second_line_warning
from lbrouter.model.health import UplinkState
from lbrouter.model.language import Language
from tests.kit.builders import health_of
from tests.kit.lane_config import lane_config, lane_machine

CONFIG = lane_config(("192.0.2.7:51820", "relay.example.org:51820"))
[LANE] = CONFIG.lanes()
CLOCK = ClockComparison(now="2010-01-01 00:00", later="2026-11-29 00:00")


def clauses(text: str) -> list[tuple[str, str]]:
    return [(each, translate_reason(Language.ID, each)) for each in text.split("; ")]


@pytest.mark.parametrize("cause", SilenceCause)
def test_why_a_relay_is_silent(cause: SilenceCause) -> None:
    for english, translated in clauses(silence_reason(cause, LANE, "192.0.2.7", CLOCK).text):
        assert translated != english


def test_a_name_without_an_address_and_a_lane_without_a_second_line() -> None:
    known = health_of(CONFIG, fiber=UplinkState.DOWN)
    alone = second_line_warning(CONFIG, LANE, known, lane_machine(CONFIG))
    for english, translated in clauses(f"{unresolved_name(LANE, '192.0.2.7').text}; {alone}"):
        assert translated != english
