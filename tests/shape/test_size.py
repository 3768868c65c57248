"""Length of functions and files. How many branches a function has is held by ruff (C90)."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST_FUNCTION = 60
LONGEST_FILE = 300


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


def functions() -> Iterator[tuple[str, int]]:
    """Each function of the product with its length in lines, its docstring left out."""
    for path in sources("lbrouter"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", length(node)


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node) is None:
        return lines
    text = node.body[0]
    assert text.end_lineno is not None
    return lines - (text.end_lineno - text.lineno + 1)


def test_no_function_is_longer_than_its_limit() -> None:
    long = [f"{lines:4} {name}" for name, lines in functions() if lines > LONGEST_FUNCTION]
    assert not long, "\n".join(["functions too long:", *long])


def test_no_file_is_longer_than_its_limit() -> None:
    long = [
        f"{lines:4} {path.relative_to(ROOT)}"
        for path in sources("lbrouter", "tests", "tools")
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    ]
    assert not long, "\n".join(["files too long:", *long])
