"""Which line of the file a path stands on. `tomllib` does not say, and a technician wants to know.

A reading of its own, good for files as people write them: headers, and keys at the start of a
line. What it does not find is reported with its path alone.
"""

import re
from typing import Final

from lbrouter.compile.config.diagnostics import Path

_KEY: Final = r"[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*'"
_DOTTED: Final = rf"(?:{_KEY})(?:[ \t]*\.[ \t]*(?:{_KEY}))*"
_HEADER: Final = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_ASSIGNMENT: Final = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")


class Lines:
    """Line numbers of a file's headers and keys."""

    def __init__(self, toml: str) -> None:
        self._found: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        section: Path = ()
        for number, line in enumerate(toml.split("\n"), start=1):
            if header := _HEADER.match(line):
                section = self._section(_steps(header[2]), is_list=header[1] == "[[")
                self._found.setdefault(section, number)
            elif key := _ASSIGNMENT.match(line):
                self._found.setdefault((*section, *_steps(key[1])), number)

    def of(self, path: Path) -> int:
        """The line of `path`, or of the nearest section around it; 0 where none is found."""
        around = (path[:length] for length in range(len(path), 0, -1))
        return next((self._found[each] for each in around if each in self._found), 0)

    def _section(self, path: Path, *, is_list: bool) -> Path:
        """The section that a header opens; of a list of tables, the next element."""
        if not is_list:
            return path
        index = self._counts.get(path, -1) + 1
        self._counts[path] = index
        return (*path, index)


def _steps(dotted: str) -> Path:
    return tuple(step.strip("\"'") for step in re.findall(_KEY, dotted))
