"""Length of functions and files. How many branches a function has is held by ruff (C90).

How many private functions are used once is judged by a reader; tools/structure.py counts them.
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST_FUNCTION = 60
LONGEST_FILE = 300
MAX_COMPLEXITY = 8


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


def test_the_linter_holds_the_limit_of_complexity() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "C90" in settings["select"]
    assert settings["mccabe"]["max-complexity"] == MAX_COMPLEXITY


def test_no_function_is_exempt_from_the_limit_of_complexity() -> None:
    exempt = [path for path in sources("lbrouter") if "noqa: C90" in path.read_text()]
    assert not exempt


def test_no_file_is_longer_than_its_limit() -> None:
    long = [
        f"{lines:4} {path.relative_to(ROOT)}"
        for path in sources("lbrouter", "tests", "tools")
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    ]
    assert not long, "\n".join(["files too long:", *long])
