"""Names that the shell completes: those of the file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.builders import TWO_LINES


@pytest.mark.parametrize(
    "words, expected",
    [
        ("uplink drain f", ["fiber"]),
        ("uplink restore ", ["fiber", "lte"]),
        ("uplink pin s", ["show", "spread"]),
        ("uplink pin show l", ["lte"]),
        ("limit g", ["guests"]),
        ("measure x", []),
    ],
)
def test_names_of_the_file_are_completed(tmp_path: Path, words: str, expected: list[str]) -> None:
    file = tmp_path / "lbrouter.toml"
    file.write_text(TWO_LINES)
    assert completed(f"lbrouter --config {file} {words}") == expected


@pytest.mark.parametrize("text", ["broken [", "uplinks = 7\n", None])
def test_without_a_file_that_can_be_read_there_is_nothing(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "lbrouter.toml"
    if text is not None:
        file.write_text(text)
    assert completed(f"lbrouter --config {file} uplink drain ") == []


def completed(line: str) -> list[str]:
    """What bash would offer for the last word of the line."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    asked = {**os.environ, "_LBROUTER_COMPLETE": "complete_bash", **words}
    done = subprocess.run(
        [sys.executable, "-m", "lbrouter"], env=asked, capture_output=True, text=True, check=False
    )
    return done.stdout.split()
