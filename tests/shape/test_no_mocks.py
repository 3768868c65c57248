"""Tests use real things and real time: no mocks, no patches, no fixed waits."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FORBIDDEN = {
    "unittest.mock": "a mock proves what its author believed",
    "monkeypatch.setattr": "a patched object is a mock by another name",
    "time.sleep": "poll with a deadline",
}


def dotted_name(node: ast.AST) -> str:
    """`a.b.c` for an attribute chain, the empty string for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted_name(node.value)}.{node.attr}"
    return ""


def imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def is_fixed_wait(node: ast.AST) -> bool:
    """`asyncio.sleep(2)`: a wait of a written number; `asyncio.sleep(0)` only yields."""
    if not (
        isinstance(node, ast.Call) and dotted_name(node.func) in {"asyncio.sleep", "anyio.sleep"}
    ):
        return False
    amount = node.args[0] if node.args else None
    return isinstance(amount, ast.Constant) and amount.value >= 1


def violations(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        names = [dotted_name(node), *imported_names(node)]
        found += [
            f"line {getattr(node, 'lineno', 0)}: {word}: {why}"
            for word, why in FORBIDDEN.items()
            if any(name == word or name.startswith(word + ".") for name in names)
        ]
        if is_fixed_wait(node):
            found.append(f"line {getattr(node, 'lineno', 0)}: a fixed wait: poll with a deadline")
    return sorted(set(found))


def test_no_test_uses_mocks_or_fixed_waits() -> None:
    found = [
        f"{path.relative_to(TESTS)} {offence}"
        for path in sorted(TESTS.rglob("*.py"))
        for offence in violations(path.read_text())
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "from unittest.mock import Mock",
        "import unittest.mock",
        "from unittest import mock",
        "monkeypatch.setattr(os, 'getuid', None)",
        "import time\ntime.sleep(1)",
        "from time import sleep",
        "await asyncio.sleep(5)",
    ],
)
def test_the_rule_sees(source: str) -> None:
    assert violations(source)


@pytest.mark.parametrize("source", ["await asyncio.sleep(0)", "monkeypatch.setenv('A', 'b')"])
def test_the_rule_lets_pass(source: str) -> None:
    assert not violations(source)
