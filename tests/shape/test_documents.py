"""Documents: links have a target, generated pages are up to date, `make` lists every target."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def documents() -> list[Path]:
    folders = [ROOT, ROOT / ".ci", *(ROOT / name for name in ("docs", "examples", "vagrant"))]
    return sorted(path for folder in folders for path in folder.glob("*.md"))


def anchors(path: Path) -> set[str]:
    """The names under which a renderer makes the headings of a page reachable."""
    headings = HEADING.findall(FENCE.sub("", path.read_text()))
    return {re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-") for text in headings}


def is_broken_link(page: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return not re.match(r"https?://\w|mailto:", link)
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return not target.exists() or bool(anchor and anchor not in anchors(target))


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = LINK.findall(FENCE.sub("", page.read_text()))
    assert [link for link in links if is_broken_link(page, link)] == []


def test_generated_pages_match_the_model() -> None:
    result = subprocess.run(
        [sys.executable, "tools/write_reference.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


def test_make_alone_lists_every_target() -> None:
    expected = ["setup", "demo", "check", "test", "test-vm", "test-image", "bench", "deb", "image"]
    expected += ["fmt", "man", "clean"]
    output = subprocess.run(
        ["make", "--silent", "--no-print-directory", "help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    lines = [line.split(maxsplit=2) for line in output.splitlines()]
    assert all(len(words) == 3 and words[0] == "make" for words in lines)
    assert {words[1] for words in lines} >= set(expected)
