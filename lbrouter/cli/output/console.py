"""The terminal that tables are drawn on."""

from typing import Final

from rich.console import Console

NO_TERMINAL_WIDTH: Final = 160
"""Columns where the output is no terminal: a file or a pipe has no edge to wrap at."""


def console() -> Console:
    """Standard output: colours on a terminal alone, never with NO_COLOR; no edge elsewhere."""
    output = Console(highlight=False)
    return output if output.is_terminal else Console(highlight=False, width=NO_TERMINAL_WIDTH)
