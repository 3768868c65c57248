"""Plain English, and prose that fits a window.

A person reads the pages and what the program prints: no idioms there, and lines of 100 columns.
"""

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from lbrouter.compile.config.parse import parse

ROOT = Path(__file__).parents[2]
README_LINES = 149
BEFORE_AND_AFTER = ROOT / "docs" / "plain-english.md"
"""Shows what was said before."""

IDIOMS = re.compile(
    r"""\b(
      nobody | somebody | whoever | anew | amid
    | put\ right | puts\ right | no\ matter\ of | in\ trouble | doubts? | in\ vain
    | is\ silent\ since | well\ again | nothing\ had\ to\ move | all\ the\ same | at\ work\ here
    | short\ way | next\ try\ soon | does\ not\ follow | keeps\ for\ itself | goes\ with
    | what\ stands | the\ debate | without\ a\ word | against\ what
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)
"""Words that a reader whose second language is English does not find in a dictionary."""


FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def load_wrap_prose() -> ModuleType:
    """tools/wrap_prose.py, which lies in no package."""
    spec = importlib.util.spec_from_file_location("wrap_prose", ROOT / "tools/wrap_prose.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


wrap_prose = load_wrap_prose()


def pages() -> list[Path]:
    folders = (ROOT, ROOT / "docs", ROOT / "docs" / "id")
    return sorted(path for folder in folders for path in folder.glob("*.md"))


def prose_of(page: Path) -> str:
    """A page without its code and without its recorded output; tables are read as well."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return re.sub(r"`[^`]*`", "", " ".join(text.split()))


def printed_texts(path: Path) -> Iterator[tuple[int, str]]:
    """What a module may print: its strings, without the docstrings and the names of users."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in docstrings:
            continue
        if isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def names_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=names_of)
def test_prose_is_wrapped(page: Path) -> None:
    assert wrap_prose.too_long(page.read_text(encoding="utf-8")) == [], "make fmt wraps it"


@pytest.mark.parametrize("page", pages(), ids=names_of)
def test_pages_have_no_idioms(page: Path) -> None:
    if page != BEFORE_AND_AFTER:
        assert sorted({each[0] for each in IDIOMS.finditer(prose_of(page))}) == []


def test_what_the_program_prints_has_no_idioms() -> None:
    found = [
        f"{names_of(path)}:{line}: {match[0]}"
        for path in sorted((ROOT / "lbrouter").rglob("*.py"))
        for line, text in printed_texts(path)
        if (match := IDIOMS.search(text)) is not None
    ]
    assert found == []


def test_an_idiom_is_found() -> None:
    assert [each[0] for each in IDIOMS.finditer("Whoever asks, nobody answers; all is well again.")]
    assert not IDIOMS.search("a line that answers")


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES


def test_the_file_in_the_readme_is_valid() -> None:
    [file] = TOML.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert not parse(file.encode(), source="README.md").warnings


def test_each_decision_has_a_heading() -> None:
    text = (ROOT / "DECISIONS.md").read_text(encoding="utf-8")
    numbers = [int(number) for number in re.findall(r"^## (\d+)\. ", text, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert not re.search(r"^\d+\. \*\*", text, re.MULTILINE)


LONG_ITEM = "- one `two three` " + "word " * 30
CODE = ["```", "x " * 80, "```"]


def test_wrapping_keeps_words_items_and_code() -> None:
    page = "\n".join(["# Head", "", LONG_ITEM, "  its end", *CODE, "| a | " + "b " * 80 + "|"])
    done = wrap_prose.wrapped(page)
    assert done.split() == page.split()
    assert wrap_prose.too_long(page) and not wrap_prose.too_long(done)
    assert wrap_prose.wrapped(done) == done
    assert [line[:2] for line in done.splitlines()[2:4]] == ["- ", "  "]
    assert done.splitlines()[-4:] == page.splitlines()[-4:]


def test_a_line_never_begins_with_a_mark() -> None:
    page = "a " * 48 + "sum - that + 1. is # one > two"
    assert all(is_prose for is_prose, _ in wrap_prose.paragraphs(wrap_prose.wrapped(page)))
    assert len(list(wrap_prose.paragraphs(wrap_prose.wrapped(page)))) == 1
