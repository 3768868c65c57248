"""The line of the file where a key path is. `tomllib` does not tell it, and technicians need it.

A simple parser of its own, for files as people write them: headers, and keys at the start of a
line. A path that it does not find is reported without a line.
"""

import re
from typing import Final

from lbrouter.compile.config.diagnostics import KeyPath

_TOML_KEY: Final = r"[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*'"
_DOTTED_KEY: Final = rf"(?:{_TOML_KEY})(?:[ \t]*\.[ \t]*(?:{_TOML_KEY}))*"
_TABLE_HEADER: Final = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED_KEY})[ \t]*\]")
_KEY_ASSIGNMENT: Final = re.compile(rf"[ \t]*({_DOTTED_KEY})[ \t]*=")


class LineNumbers:
    """Line numbers of a file's headers and keys."""

    def __init__(self, toml: str) -> None:
        self._line_by_path: dict[KeyPath, int] = {}
        self._last_index: dict[KeyPath, int] = {}
        section: KeyPath = ()
        for number, line in enumerate(toml.split("\n"), start=1):
            if header := _TABLE_HEADER.match(line):
                section = self._opened_section(_split_key(header[2]), is_list=header[1] == "[[")
                self._line_by_path.setdefault(section, number)
            elif key := _KEY_ASSIGNMENT.match(line):
                self._line_by_path.setdefault((*section, *_split_key(key[1])), number)

    def line_of(self, path: KeyPath) -> int:
        """The line of `path`, or of the nearest section around it; 0 where none is found."""
        around = (path[:length] for length in range(len(path), 0, -1))
        return next(
            (self._line_by_path[place] for place in around if place in self._line_by_path), 0
        )

    def _opened_section(self, path: KeyPath, *, is_list: bool) -> KeyPath:
        """The section that a header opens; of a list of tables, the next element."""
        if not is_list:
            return path
        index = self._last_index.get(path, -1) + 1
        self._last_index[path] = index
        return (*path, index)


def _split_key(dotted: str) -> KeyPath:
    return tuple(step.strip("\"'") for step in re.findall(_TOML_KEY, dotted))
