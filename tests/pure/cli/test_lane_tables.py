"""What `status` and the screen show of the lines of a lane."""

from io import StringIO

from rich.console import Console

from lbrouter.cli.commands.status import status_tables
from lbrouter.cli.output.sparkline import ASCII_GLYPHS
from lbrouter.cli.output.watch_tables import DisplayContext, uplink_block
from lbrouter.compile.report.status import StatusInputs, status_document
from lbrouter.compile.report.status_types import Status, TrafficMeasurements
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.facts import Allocation
from lbrouter.model.health import UplinkState
from lbrouter.model.language import Language
from tests.kit.builders import health_of
from tests.kit.lane_config import lane_config, lane_machine, lane_state

CONFIG = lane_config()


def document(**states: UplinkState) -> Status:
    inputs = StatusInputs(
        allocation=allocate(CONFIG, Allocation()),
        facts=lane_machine(CONFIG),
        observed=lane_state(CONFIG),
        health=health_of(CONFIG, **states),
        shortfalls=(),
        measured=TrafficMeasurements(),
        config_digest="sha256:0",
        observed_at="2026-11-29T00:00:00Z",
    )
    found = status_document(CONFIG, inputs)
    found["uplinks"]["lane"]["over"]["lte"].update(
        {"rtt_ms": 41.2, "loss_percent": 3.3, "dropped_percent": 0.5}
    )
    return found


def printed(found: Status) -> str:
    file = StringIO()
    Console(file=file, width=160).print(status_tables(found, None))
    return file.getvalue()


def screen(found: Status, language: Language = Language.EN, width: int = 100) -> list[str]:
    display = DisplayContext(
        width=width, height=40, language=language, zone=None, glyphs=ASCII_GLYPHS
    )
    return [row.plain for row in uplink_block(found["uplinks"], {}, display)]


def test_status_has_a_row_for_each_line_of_a_lane() -> None:
    text = printed(document(fiber=UplinkState.DOWN))
    [fiber, lte] = [row.split() for row in text.splitlines() if row.split()[:1] == ["lane"]][-2:]
    assert fiber[:6] == ["lane", "fiber", "no", "-", "-", "-"]
    assert lte[:8] == ["lane", "lte", "yes", "41.2", "ms", "3.3", "%", "0.5"]
    assert "no second line is left: lte carries lane alone" in text


def test_the_screen_has_them_below_the_lane_and_says_when_one_line_is_alone() -> None:
    rows = screen(document(fiber=UplinkState.DOWN))
    assert "  lte: copies, loss 3.3 %, RTT 41.2 ms, dropped 0.5 %" in rows
    assert "  fiber: no copies: said so" in rows
    assert any("no second line is left" in row for row in rows)
    whole = screen(document())
    assert not any("second line" in row for row in whole)
    assert "  fiber: copies, loss -, RTT -, dropped -" in whole
    indonesian = screen(document(fiber=UplinkState.DOWN), Language.ID)
    assert any("tanpa salinan" in row for row in indonesian)
    assert all(len(row) <= 40 for row in screen(document(), width=40) if "copies" in row)
