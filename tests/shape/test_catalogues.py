"""The compiled catalogues are those of their texts, and the wheel carries them."""

from pathlib import Path

import pytest

from tools.compile_catalogues import LOCALES, catalogue_entries, compile_file

SOURCES = sorted(LOCALES.rglob("*.po"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda each: each.parts[-3])
def test_a_catalogue_is_compiled_from_its_text(source: Path) -> None:
    told = "run: .venv/bin/python tools/compile_catalogues.py"
    assert source.with_suffix(".mo").read_bytes() == compile_file(source), told


def test_what_is_no_catalogue_is_refused() -> None:
    with pytest.raises(ValueError, match="understood"):
        catalogue_entries('msgwhat "a"\n')
    with pytest.raises(ValueError, match="twice"):
        catalogue_entries('msgid "a"\nmsgstr "b"\n\nmsgid "a"\nmsgstr "c"\n')
