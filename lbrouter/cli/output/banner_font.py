"""Letters of three lines (or of six), for what must be read from two metres.

Five dots high, drawn as half blocks: every terminal has them, the bare Linux console too. Where
there is room a dot is two whole characters.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final

GLYPHS: Final = {
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

HALVES: Final = {"..": " ", "#.": "▀", ".#": "▄", "##": "█"}
"""Upper and lower dot of a character."""

HEIGHT: Final = 3
"""Lines of a letter: five dots and a gap below, two in a line."""

DOUBLE: Final = 2
"""How much larger the larger letters are, in both directions."""


def width(text: str) -> int:
    """Columns that `text` takes."""
    return len(_rows(text)[0])


def lines(text: str) -> list[str]:
    """`text` in big letters; capitals as small ones, what is no letter as a gap."""
    rows = [*_rows(text), "." * width(text)]
    return [
        "".join(HALVES[upper + lower] for upper, lower in zip(above, below, strict=True))
        for above, below in zip(rows[::2], rows[1::2], strict=True)
    ]


def large_lines(text: str) -> list[str]:
    """`text` in letters of double size."""
    rows = [*_rows(text), "." * width(text)]
    return [row.replace(".", "  ").replace("#", "██") for row in rows]


@cache
def _rows(text: str) -> tuple[str, ...]:
    """The five rows of dots."""
    glyphs = [GLYPHS.get(letter, GLYPHS[" "]).split("/") for letter in text.lower()]
    return tuple(".".join(_row(glyphs, number)) for number in range(5))


def _row(glyphs: list[list[str]], number: int) -> Iterator[str]:
    return (glyph[number] for glyph in glyphs)
