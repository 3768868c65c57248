"""The daemon by construction: a part has its collaborators when it is made, and keeps to them."""

import ast
from collections.abc import Iterator
from pathlib import Path

DAEMON = Path(__file__).parents[2] / "lbrouter" / "daemon"
LONGEST_CHAIN = 2
"""`self._loop.reconcile` reaches through one object; `self._loop.reconciler.applied` two."""


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(DAEMON.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def chain_of(node: ast.expr) -> list[str]:
    """The names of `a.b.c`; empty where it begins with something else than a name."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


def long_chains(tree: ast.Module) -> Iterator[str]:
    """`self._a.b.c`: through two objects to a third."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            names = chain_of(node)
            if names[:1] == ["self"] and len(names) - 1 > LONGEST_CHAIN + 1:
                yield f"{node.lineno} {'.'.join(names)}"


def foreign_assignments(tree: ast.Module) -> Iterator[str]:
    """Attributes of another object that are set: `loop.journal = ...`."""
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            names = chain_of(target) if isinstance(target, ast.Attribute) else []
            if names and (names[0] != "self" or len(names) > 2):
                yield f"{target.lineno} {'.'.join(names)}"


def undefined_attributes(tree: ast.Module) -> Iterator[str]:
    """`self.tracker: HealthTracker` without a value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and node.value is None:
            names = chain_of(node.target)
            if names[:1] == ["self"]:
                yield f"{node.lineno} {'.'.join(names)}"


def found(check: object) -> list[str]:
    assert callable(check)
    return [f"{path.relative_to(DAEMON)}:{each}" for path, tree in trees() for each in check(tree)]


def test_no_part_reaches_through_two_objects() -> None:
    assert found(long_chains) == []


def test_no_part_sets_an_attribute_of_another() -> None:
    assert found(foreign_assignments) == []


def test_no_attribute_is_without_a_value() -> None:
    assert found(undefined_attributes) == []
