"""Letters of three lines (or of six), for what must be read from two metres.

Five dots high, drawn as half blocks: every terminal has them, the bare Linux console too. Where
there is room a dot is two whole characters.
"""

from functools import cache
from typing import Final

BANNER_GLYPHS: Final = {
    "a": ".#./#.#/###/#.#/#.#",
    "b": "##./#.#/##./#.#/##.",
    "c": ".##/#../#../#../.##",
    "d": "##./#.#/#.#/#.#/##.",
    "e": "###/#../##./#../###",
    "f": "###/#../##./#../#..",
    "g": ".##/#../#.#/#.#/.##",
    "h": "#.#/#.#/###/#.#/#.#",
    "i": "###/.#./.#./.#./###",
    "j": "..#/..#/..#/#.#/.#.",
    "k": "#.#/#.#/##./#.#/#.#",
    "l": "#../#../#../#../###",
    "m": "#...#/##.##/#.#.#/#...#/#...#",
    "n": "#..#/##.#/#.##/#..#/#..#",
    "o": ".#./#.#/#.#/#.#/.#.",
    "p": "##./#.#/##./#../#..",
    "q": ".#./#.#/#.#/.#./..#",
    "r": "##./#.#/##./#.#/#.#",
    "s": ".##/#../.#./..#/##.",
    "t": "###/.#./.#./.#./.#.",
    "u": "#.#/#.#/#.#/#.#/###",
    "v": "#.#/#.#/#.#/#.#/.#.",
    "w": "#...#/#...#/#.#.#/##.##/#...#",
    "x": "#.#/#.#/.#./#.#/#.#",
    "y": "#.#/#.#/.#./.#./.#.",
    "z": "###/..#/.#./#../###",
    "0": "###/#.#/#.#/#.#/###",
    "1": ".#./##./.#./.#./###",
    "2": "###/..#/###/#../###",
    "3": "###/..#/.##/..#/###",
    "4": "#.#/#.#/###/..#/..#",
    "5": "###/#../###/..#/###",
    "6": "###/#../###/#.#/###",
    "7": "###/..#/..#/..#/..#",
    "8": "###/#.#/###/#.#/###",
    "9": "###/#.#/###/..#/###",
    "-": ".../.../###/.../...",
    "_": ".../.../.../.../###",
    "+": ".../.#./###/.#./...",
    ">": "#../##./###/##./#..",
    " ": "././././.",
}

HALF_BLOCKS: Final = {"..": " ", "#.": "▀", ".#": "▄", "##": "█"}
"""Upper and lower dot of a character."""

LETTER_HEIGHT_LINES: Final = 3
"""Lines of a letter: five dots and a gap below, two in a line."""

LARGE_LETTER_SCALE: Final = 2
"""How much larger the larger letters are, in both directions."""


def banner_width(text: str) -> int:
    """Columns that `text` takes."""
    return len(_dot_rows(text)[0])


def banner_lines(text: str) -> list[str]:
    """`text` in big letters; capitals as small ones, what is no letter as a gap."""
    rows = [*_dot_rows(text), "." * banner_width(text)]
    return [
        "".join(HALF_BLOCKS[upper + lower] for upper, lower in zip(above, below, strict=True))
        for above, below in zip(rows[::2], rows[1::2], strict=True)
    ]


def large_banner_lines(text: str) -> list[str]:
    """`text` in letters of double size."""
    rows = [*_dot_rows(text), "." * banner_width(text)]
    return [row.replace(".", "  ").replace("#", "██") for row in rows]


@cache
def _dot_rows(text: str) -> tuple[str, ...]:
    """The five rows of dots."""
    glyphs = [BANNER_GLYPHS.get(letter, BANNER_GLYPHS[" "]).split("/") for letter in text.lower()]
    return tuple(".".join(glyph[number] for glyph in glyphs) for number in range(5))
