"""Drawings of the report: SVG within the page, without script. Pure."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Final

from lbrouter.compile.event_report.spans import StateSpan

CHART_WIDTH, CHART_HEIGHT, BAR_HEIGHT = 720, 120, 18
MAX_POINTS: Final = 240
"""More points than a printer shows make the page large."""

STATE_COLOURS: Final = {
    "up": "#2e9d57",
    "degraded": "#d9a514",
    "down": "#c9342b",
    "drained": "#6b7280",
    "unknown": "#d1d5db",
}
OTHER_STATE_COLOUR: Final = "#9ca3af"
SERIES_COLOURS: Final = ("#1f6fb5", "#c2571a")


def state_bar(spans: Sequence[StateSpan], begin: datetime, end: datetime, title: str) -> str:
    """A bar of the states over the time."""
    whole = max((end - begin).total_seconds(), 1e-9)
    parts = []
    for since, to, state in spans:
        left = (since - begin).total_seconds() / whole * CHART_WIDTH
        width = max((to - since).total_seconds() / whole * CHART_WIDTH, 0.5)
        colour = STATE_COLOURS.get(state, OTHER_STATE_COLOUR)
        parts.append(
            f'<rect x="{left:.1f}" y="0" width="{width:.1f}" height="{BAR_HEIGHT}"'
            f' fill="{colour}"><title>{escape(state)}</title></rect>'
        )
    return _svg(BAR_HEIGHT, title, parts)


def line_chart(
    series: Sequence[Sequence[tuple[datetime, float]]], begin: datetime, end: datetime, title: str
) -> str:
    """Lines over the time, from 0 to the highest value."""
    whole = max((end - begin).total_seconds(), 1e-9)
    top = max((value for points in series for _, value in points), default=0.0) or 1.0
    parts = []
    for points, colour in zip(series, SERIES_COLOURS, strict=False):
        places = " ".join(
            f"{(at - begin).total_seconds() / whole * CHART_WIDTH:.1f},"
            f"{CHART_HEIGHT - value / top * (CHART_HEIGHT - 4):.1f}"
            for at, value in thinned(points)
        )
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{places}"/>'
        )
    return _svg(CHART_HEIGHT, title, parts)


def thinned(points: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    """At most `MAX_POINTS` of them: of each group the highest, so that no peak is lost."""
    size = -(-len(points) // MAX_POINTS) or 1
    groups = (points[at : at + size] for at in range(0, len(points), size))
    return [max(group, key=lambda point: point[1]) for group in groups]


def _svg(height: int, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {CHART_WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )
