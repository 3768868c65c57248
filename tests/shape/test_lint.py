"""Linter, formatter, types and floors: each tool reports what it found."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent

COMMANDS = {
    "ruff": ["ruff", "check", "--no-fix", "--output-format=concise", "."],
    "format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy", "--strict"],
    "floors": ["lint-imports", "--cache-dir", ".cache/import-linter"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_tool_finds_nothing(name: str) -> None:
    tool, *arguments = COMMANDS[name]
    result = subprocess.run(
        [TOOLS / tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{tool} {' '.join(arguments)}\n{result.stdout}{result.stderr}"
