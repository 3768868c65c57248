"""Small pictures made of characters: a bar for a rate, a line for a minute."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from lbrouter.compile.report.styles import state_style, worst_state
from lbrouter.daemon.metrics.last_minute import UplinkSecond
from lbrouter.model.health import UplinkState


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalGlyphs:
    """What a terminal can show: levels from nothing to all, a bar's full and empty part."""

    levels: str
    full: str
    empty: str
    arrow: str
    big: bool
    """Whether letters can be drawn from half blocks."""


FINE_GLYPHS: Final = TerminalGlyphs(levels="▁▂▃▄▅▆▇█", full="█", empty="░", arrow="►", big=True)
COARSE_GLYPHS: Final = TerminalGlyphs(levels="·░░▒▒▓▓█", full="█", empty="░", arrow="►", big=True)
ASCII_GLYPHS: Final = TerminalGlyphs(levels="_.:-=+*#", full="#", empty=".", arrow=">", big=False)

LOSS_LEVELS_PERCENT: Final = (0.0, 2.0, 5.0, 10.0, 25.0, 50.0, 90.0)
"""Percent above which a second is drawn one level higher."""

MIN_RTT_SCALE_MS: Final = 20.0
"""A line whose round trips vary below this is drawn flat: no person feels it."""


def terminal_glyphs(environment: Mapping[str, str], encoding: str) -> TerminalGlyphs:
    """What this terminal can show. The Linux console's font knows no eighths of a block."""
    if not encoding.lower().startswith("utf"):
        return ASCII_GLYPHS
    return COARSE_GLYPHS if environment.get("TERM") == "linux" else FINE_GLYPHS


def rate_bar(share: float, width: int, kind: TerminalGlyphs) -> str:
    """A bar of `width` characters, `share` of it (0 to 1) full; what is not zero shows."""
    filled = min(width, max(0, round(share * width)))
    if share > 0 and filled == 0:
        filled = 1
    return kind.full * filled + kind.empty * (width - filled)


def loss_sparkline(minute: Sequence[UplinkSecond], width: int, kind: TerminalGlyphs) -> Text:
    """The loss of a minute, the newest second last; each character shows the worst of its time."""
    line = Text()
    for group in _seconds_per_character(minute, width):
        level = max(map(_loss_level, group))
        line.append(kind.levels[level], style=_worst_state_style(group))
    return _right_aligned(line, width)


def rtt_sparkline(minute: Sequence[UplinkSecond], width: int, kind: TerminalGlyphs) -> Text:
    """The round trips of a minute, in proportion to the longest of them."""
    known = [second["rtt_ms"] for second in minute if second["rtt_ms"] is not None]
    most = max([*known, MIN_RTT_SCALE_MS])
    line = Text()
    for group in _seconds_per_character(minute, width):
        longest = max((second["rtt_ms"] or 0.0 for second in group), default=0.0)
        level = round(longest / most * (len(kind.levels) - 1))
        line.append(kind.levels[level], style=_worst_state_style(group))
    return _right_aligned(line, width)


def _seconds_per_character(
    minute: Sequence[UplinkSecond], width: int
) -> Iterator[Sequence[UplinkSecond]]:
    """Seconds by the character that shows them, counted from the newest."""
    size = max(1, -(-60 // max(1, width)))
    first = len(minute) % size
    if first:
        yield minute[:first]
    for start in range(first, len(minute), size):
        yield minute[start : start + size]


def _right_aligned(line: Text, width: int) -> Text:
    """What is too long loses its oldest part, what is short stands at the right."""
    line = line[max(0, len(line) - width) :]
    return Text(" " * (width - len(line))) + line


def _loss_level(second: UplinkSecond) -> int:
    loss = second["loss_percent"]
    if second["state"] == UplinkState.DOWN:
        loss = 100.0
    return 0 if loss is None else sum(loss > limit for limit in LOSS_LEVELS_PERCENT)


def _worst_state_style(group: Iterable[UplinkSecond]) -> str:
    """The colour of the worst state in a group."""
    return state_style(worst_state(frozenset(second["state"] for second in group)))


def format_mbit(bits_per_second: int) -> str:
    """Mbit/s in as few figures as a glance takes: "0.4", "6.1", "48", "940"."""
    value = bits_per_second / 1e6
    if value >= 10 or value == 0:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 0.1 else "<0.1"
