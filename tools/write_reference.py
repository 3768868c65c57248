"""Writes the pages that the configuration model knows by itself, or checks that they are current.

docs/reference.md for people, docs/lbrouter.schema.json for editors, docs/man for `man`.
"""

import json
import sys
from pathlib import Path

import manual

from lbrouter.compile.config.reference import json_schema, reference_markdown

DOCS = Path(__file__).parents[1] / "docs"


def pages() -> dict[Path, str]:
    """Each generated page with the text that it should hold."""
    schema = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    return {
        DOCS / "reference.md": reference_markdown(),
        DOCS / "lbrouter.schema.json": schema,
        DOCS / "man/lbrouter.8.md": manual.command_page(),
        DOCS / "man/lbrouter.toml.5.md": manual.file_page(),
    }


def stale(page: Path, text: str) -> bool:
    """Whether the page on disk differs from what the model says."""
    return not page.exists() or page.read_text() != text


def main(arguments: list[str]) -> int:
    """`--check` writes nothing and ends with 1 when a page is out of date."""
    old = {page: text for page, text in pages().items() if stale(page, text)}
    for page, text in old.items():
        if "--check" in arguments:
            print(f"{page.relative_to(DOCS.parent)} is out of date: run `make man`")
        else:
            page.write_text(text)
            print(f"wrote {page.relative_to(DOCS.parent)}")
    return 1 if old and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
