"""Wrap the prose of Markdown pages: `wrap_prose.py PAGE...`; `--check` only names what is too long.

Tables, code, headings and lists of links stay as they are. A paragraph whose lines all fit is not
touched, so that a change of one sentence stays a small difference.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

WIDTH = 100
ITEM = re.compile(r"(?P<indent> *)(?P<mark>[-*+]|\d+\.) +")
WORD = re.compile(r"(?:`[^`]*`|\S)+")
"""A code span is one word, with the spaces in it."""
MARK = re.compile(r"[-*+>|]|#+|\d+[.)]|```.*")
"""A word that would turn a line into a list item, a heading, a quotation, a table or code."""


def paragraphs(text: str) -> Iterator[tuple[bool, list[str]]]:
    """The lines of a page in groups: (is it prose?, its lines); joined they are the page again."""
    group: list[str] = []
    is_code = False
    for line in text.splitlines():
        fence = line.lstrip().startswith("```")
        fixed = is_code or fence or not line.strip() or line.lstrip()[0] in "|#<"
        if fixed or ITEM.match(line):
            if group:
                yield True, group
            group = []
        if fixed:
            yield False, [line]
        else:
            group.append(line)
        is_code ^= fence
    if group:
        yield True, group


def wrap(lines: list[str]) -> list[str]:
    """A paragraph or list item in lines of WIDTH characters; a longer word has a line to itself."""
    item = ITEM.match(lines[0])
    rest = " " * (item.end() if item else len(lines[0]) - len(lines[0].lstrip()))
    first = lines[0][: len(rest)]
    words = WORD.findall(" ".join([lines[0][len(first) :], *(each.strip() for each in lines[1:])]))
    wrapped, line = [], first + words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) <= WIDTH or MARK.fullmatch(word):
            line += " " + word
        else:
            wrapped.append(line)
            line = rest + word
    return [*wrapped, line]


def too_long(text: str) -> list[str]:
    """The lines of prose that could be shorter."""
    return [
        line
        for is_prose, lines in paragraphs(text)
        if is_prose and any(len(each) > WIDTH for each in lines)
        for line in lines
        if len(line) > WIDTH and line not in wrap(lines)
    ]


def wrapped(text: str) -> str:
    """The page with its long paragraphs wrapped."""
    lines: list[str] = []
    for is_prose, group in paragraphs(text):
        is_long = is_prose and any(len(each) > WIDTH for each in group)
        lines += wrap(group) if is_long else group
    return "\n".join(lines) + "\n"


def main() -> int:
    """Wrap the pages, or name what `--check` finds."""
    parser = argparse.ArgumentParser(description="Wrap the prose of Markdown pages at 100 columns.")
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="Change nothing; exit with 1.")
    arguments = parser.parse_args()
    found = 0
    for page in arguments.pages:
        text = page.read_text(encoding="utf-8")
        for line in too_long(text):
            print(f"{page}: {line}")
            found += 1
        if not arguments.check:
            page.write_text(wrapped(text), encoding="utf-8")
    return int(arguments.check and found > 0)


if __name__ == "__main__":
    raise SystemExit(main())
