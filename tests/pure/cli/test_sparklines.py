"""The small drawings of the screen: bars, one character for each second, large letters."""

import pytest

from lbrouter.cli.output import banner_font
from lbrouter.cli.output.sparkline import (
    ASCII_GLYPHS,
    COARSE_GLYPHS,
    FINE_GLYPHS,
    TerminalGlyphs,
    format_mbit,
    loss_sparkline,
    rate_bar,
    rtt_sparkline,
    terminal_glyphs,
)
from tests.kit.status_documents import second_sample


@pytest.mark.parametrize(
    "environment, encoding, found",
    [
        ({"TERM": "xterm"}, "utf-8", FINE_GLYPHS),
        ({"TERM": "linux"}, "utf-8", COARSE_GLYPHS),
        ({}, "ascii", ASCII_GLYPHS),
    ],
)
def test_glyphs_of_a_terminal(
    environment: dict[str, str], encoding: str, found: TerminalGlyphs
) -> None:
    assert terminal_glyphs(environment, encoding) is found


@pytest.mark.parametrize(
    "share, drawing",
    [(0.0, "....."), (0.001, "#...."), (0.5, "##..."), (1.0, "#####"), (7.0, "#####")],
)
def test_bars(share: float, drawing: str) -> None:
    assert rate_bar(share, 5, ASCII_GLYPHS) == drawing


def test_each_character_of_a_minute_shows_the_worst_of_its_seconds() -> None:
    minute = [second_sample(0.0)] * 57 + [
        second_sample(100.0),
        second_sample(None),
        second_sample(0.0),
    ]
    assert loss_sparkline(minute, 15, ASCII_GLYPHS).plain == "_" * 14 + "#"
    assert loss_sparkline(minute, 60, ASCII_GLYPHS).plain == "_" * 57 + "#__"
    down = [second_sample(None, state="down", rtt=None)]
    assert loss_sparkline(down, 4, ASCII_GLYPHS).plain == "   #"
    assert loss_sparkline([], 4, ASCII_GLYPHS).plain == "    "
    assert loss_sparkline(minute, 7, ASCII_GLYPHS).plain == "______#"


def test_round_trips_are_in_proportion_to_the_longest() -> None:
    minute = [
        second_sample(0.0, rtt=10.0),
        second_sample(0.0, rtt=700.0),
        second_sample(0.0, rtt=None),
    ]
    assert rtt_sparkline(minute, 60, ASCII_GLYPHS).plain.strip() == "_#_"
    assert rtt_sparkline([second_sample(0.0, rtt=1.0)], 60, ASCII_GLYPHS).plain.strip() == "_"


@pytest.mark.parametrize(
    "bps, text",
    [(0, "0"), (50_000, "<0.1"), (6_120_000, "6.1"), (48_000_000, "48"), (940_100_000, "940")],
)
def test_rates_in_few_figures(bps: int, text: str) -> None:
    assert format_mbit(bps) == text


def test_every_letter_of_a_name_can_be_drawn() -> None:
    for letter in "abcdefghijklmnopqrstuvwxyz0123456789-_+> ":
        rows = banner_font.BANNER_GLYPHS[letter].split("/")
        assert len(rows) == 5, letter
        assert len({len(row) for row in rows}) == 1, letter
    drawings = {
        tuple(banner_font.banner_lines(each)) for each in "abcdefghijklmnopqrstuvwxyz123456789"
    }
    assert len(drawings) == 35
    assert banner_font.banner_lines("Hé") == banner_font.banner_lines("h ")
