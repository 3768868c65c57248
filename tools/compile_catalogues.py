"""Compiles the translations: each `lbrouter.po` below `lbrouter/locale` to the `.mo` beside it.

The standard library's gettext reads only compiled catalogues, and Debian's `msgfmt` is not on each
machine. The `.mo` is committed, so that a checkout runs without a build; a test in the shape ring
finds one that is older than its text.
"""

import ast
import struct
import sys
from pathlib import Path
from typing import Final

LOCALES: Final = Path(__file__).parents[1] / "lbrouter" / "locale"
MO_MAGIC: Final = 0x950412DE
KEYS: Final = ("msgctxt", "msgid_plural", "msgid", "msgstr[0]", "msgstr")


def catalogue_entries(text: str) -> dict[str, str]:
    """Texts with their translations; a plural behind NUL, a context before EOT, as
    gettext keeps them.
    """
    found: dict[str, str] = {}
    for block in text.split("\n\n"):
        parts: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line.startswith("#") or not line:
                continue
            word, _, text = ("", "", line) if line.startswith('"') else line.partition(" ")
            key = word or key
            if key not in KEYS:
                raise ValueError(f"{key!r} is not understood")
            parts[key] = parts.get(key, "") + ast.literal_eval(text)
        if parts:
            plural = f"\0{parts['msgid_plural']}" if "msgid_plural" in parts else ""
            context = f"{parts['msgctxt']}\4" if "msgctxt" in parts else ""
            wanted = context + parts["msgid"] + plural
            if wanted in found:
                raise ValueError(f"{wanted!r} is there twice")
            found[wanted] = parts.get("msgstr", parts.get("msgstr[0]", ""))
    return found


def compiled(entries: dict[str, str]) -> bytes:
    """The bytes of a `.mo` file (GNU gettext's format, revision 0, without a hash table)."""
    pairs = [(each.encode(), entries[each].encode()) for each in sorted(entries)]
    table, texts = 28, 28 + 16 * len(pairs)
    ids, translations, data = b"", b"", b""
    for index in (0, 1):
        for pair in pairs:
            place = struct.pack("<II", len(pair[index]), texts + len(data))
            data += pair[index] + b"\0"
            ids, translations = (
                (ids + place, translations) if index == 0 else (ids, translations + place)
            )
    head = struct.pack("<7I", MO_MAGIC, 0, len(pairs), table, table + 8 * len(pairs), 0, 0)
    return head + ids + translations + data


def compile_file(source: Path) -> bytes:
    """What the `.mo` beside `source` must hold."""
    return compiled(catalogue_entries(source.read_text(encoding="utf-8")))


def main() -> int:
    """Compile all of them."""
    for source in sorted(LOCALES.rglob("*.po")):
        source.with_suffix(".mo").write_bytes(compile_file(source))
        print(source.with_suffix(".mo").relative_to(LOCALES.parents[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
