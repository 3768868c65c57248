"""Names and folders: one meaning for a name, no import circles, no metaphors.

The figures are those of tools/structure.py, which prints them as a table.
"""

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
MAX_CLASSES_IN_SEVERAL_FLOORS = 5
MAX_FILES_IN_FOLDER = 20
METAPHOR = re.compile(
    "mind|brain|senses|warden|oracle|ordeal|wishes|lastword|tongue|glimpse|thrift|vigil"
)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
"""A word of a name in snake_case, CamelCase or CAPITALS."""


def load_structure() -> ModuleType:
    """tools/structure.py, which lies in no package."""
    spec = importlib.util.spec_from_file_location("structure", ROOT / "tools/structure.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


structure = load_structure()
PACKAGE_MODULES = structure.modules(ROOT)


def modules_of_tests() -> list[object]:
    """The tests, with the rings as floors."""
    folder = ROOT / "tests"
    return [
        structure.Module(
            path=PurePosixPath(path.relative_to(folder).as_posix()),
            text=(text := path.read_text(encoding="utf-8")),
            tree=ast.parse(text),
        )
        for path in sorted(folder.rglob("*.py"))
        if path.name != "conftest.py"
    ]


def names_in(path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of a module, of its classes and functions, and of its constants."""
    yield 1, path.stem
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id.isupper():
            yield node.lineno, node.id


def metaphors_in(name: str) -> list[str]:
    return [word for word in WORD.findall(name) if METAPHOR.fullmatch(word.lower())]


@pytest.mark.parametrize("tree", [PACKAGE_MODULES, modules_of_tests()], ids=["lbrouter", "tests"])
def test_no_module_basename_is_twice_in_a_floor(tree: list[object]) -> None:
    assert structure.basename_collisions(tree) == {}


def test_no_class_name_is_twice_in_a_floor() -> None:
    assert structure.class_collisions(PACKAGE_MODULES) == {}


def test_few_class_names_are_in_several_floors() -> None:
    found = structure.classes_in_several_floors(PACKAGE_MODULES)
    assert len(found) <= MAX_CLASSES_IN_SEVERAL_FLOORS, found


def test_no_constant_is_bound_by_two_modules() -> None:
    assert structure.constant_collisions(PACKAGE_MODULES) == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert structure.circles(structure.graph_of(PACKAGE_MODULES)) == []


def test_no_folders_import_each_other_in_a_circle() -> None:
    assert structure.circles(structure.room_graph(PACKAGE_MODULES)) == []


def test_no_folder_has_too_many_loose_files() -> None:
    counts = structure.loose_files(PACKAGE_MODULES)
    assert {name: count for name, count in counts.items() if count > MAX_FILES_IN_FOLDER} == {}


def test_no_name_is_a_metaphor() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for folder in ("lbrouter", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in names_in(path)
        if metaphors_in(name)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ["Mind", "HTTPOracle", "keep_vigil", "LAST_WISHES", "_brain2"])
def test_the_rule_sees_words_in_names(name: str) -> None:
    assert metaphors_in(name)


@pytest.mark.parametrize("name", ["reminder", "MINDELAY", "test_brainstorm"])
def test_the_rule_sees_whole_words_only(name: str) -> None:
    assert not metaphors_in(name)
