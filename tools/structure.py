"""The structure of the package in figures: names, folders, circles, lengths, documentation.

`tools/structure.py` measures the working tree, `tools/structure.py REV [REV ...]` a column for each
revision of git. Nothing of the package is imported: everything is read off the syntax tree.
"""

import ast
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "lbrouter"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One source file: its path below the package, its text and its syntax tree."""

    path: PurePosixPath
    text: str
    tree: ast.Module

    @property
    def floor(self) -> str:
        """The first folder: "compile", say; "" for the package's own files."""
        return self.path.parts[0] if len(self.path.parts) > 1 else ""

    @property
    def room(self) -> tuple[str, ...]:
        """The folders that it lies in."""
        return self.path.parts[:-1]

    @property
    def name(self) -> str:
        """Its dotted name: "lbrouter.compile.state.diff"."""
        parts = [PACKAGE, *self.path.with_suffix("").parts]
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(tree: Path) -> list[Module]:
    """Every module of the package below `tree`, by path."""
    package = tree / PACKAGE
    return [
        Module(
            path=PurePosixPath(path.relative_to(package).as_posix()),
            text=(text := path.read_text(encoding="utf-8")),
            tree=ast.parse(text),
        )
        for path in sorted(package.rglob("*.py"))
    ]


def in_several(owners: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The names that more than one owner has, with their owners."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, owner in owners:
        found[name].add(owner)
    return {name: sorted(places) for name, places in sorted(found.items()) if len(places) > 1}


def basename_collisions(tree: list[Module]) -> dict[str, list[str]]:
    """Basenames that stand twice in one floor."""
    named = (m for m in tree if m.path.stem not in {"__init__", "__main__"})
    return in_several((f"{m.floor}/{m.path.stem}", str(m.path)) for m in named)


def classes(module: Module) -> Iterator[str]:
    """Names of the classes at the top of a module."""
    return (node.name for node in module.tree.body if isinstance(node, ast.ClassDef))


def class_collisions(tree: list[Module]) -> dict[str, list[str]]:
    """Class names that stand twice in one floor."""
    return in_several((f"{m.floor}/{name}", str(m.path)) for m in tree for name in classes(m))


def classes_in_several_floors(tree: list[Module]) -> dict[str, list[str]]:
    """Class names that stand in more than one floor."""
    return in_several((name, m.floor) for m in tree for name in classes(m))


def constants(module: Module) -> Iterator[str]:
    """Names in capitals that a module binds at its top."""
    for node in module.tree.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for name in (each for target in targets for each in ast.walk(target)):
            if isinstance(name, ast.Name) and name.id.isupper() and len(name.id) > 1:
                yield name.id


def constant_collisions(tree: list[Module]) -> dict[str, list[str]]:
    """Constants that more than one module binds."""
    return in_several((name, str(m.path)) for m in tree for name in constants(m))


def imports(module: Module, known: Mapping[str, Module]) -> set[str]:
    """Modules of the package that this one imports, inside functions too; not for types alone."""
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in known else node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {name for name in found if name in known and name != module.name}


def graph_of(tree: list[Module]) -> dict[str, set[str]]:
    """Who imports whom, by dotted names."""
    known = {module.name: module for module in tree}
    return {module.name: imports(module, known) for module in tree}


def room_graph(tree: list[Module]) -> dict[str, set[str]]:
    """Which folder imports which, within one floor; a floor's own files are a folder each."""
    rooms = {m.name: f"{m.floor}/{m.path.parts[1]}" for m in tree if len(m.path.parts) > 1}
    floors = {m.name: m.floor for m in tree}
    graph: defaultdict[str, set[str]] = defaultdict(set)
    for name, targets in graph_of(tree).items():
        for target in targets:
            if name in rooms and target in rooms and floors[name] == floors[target]:
                graph[rooms[name]].add(rooms[target])
    return {room: targets - {room} for room, targets in graph.items()}


def reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """All that `start` leads to, by one arrow or more."""
    found: set[str] = set()
    todo = [start]
    while todo:
        new = graph.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return found


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups whose members reach each other."""
    reach = {name: reached(graph, name) for name in graph}
    groups = {
        frozenset(other for other in reach[name] if name in reach.get(other, ()))
        for name in graph
        if name in reach[name]
    }
    return sorted(sorted(group) for group in groups)


def loose_files(tree: list[Module]) -> Counter[str]:
    """Modules that lie in each folder itself."""
    return Counter("/".join(m.room) for m in tree if m.path.stem != "__init__")


def functions(tree: list[Module]) -> Iterator[tuple[Module, Function]]:
    """Every function and method."""
    for module in tree:
        for node in ast.walk(module.tree):
            if isinstance(node, Function):
                yield module, node


def length(node: Function) -> int:
    """Lines of a function without its docstring."""
    lines = (node.end_lineno or 0) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        text = node.body[0]
        lines -= (text.end_lineno or 0) - text.lineno + 1
    return lines


BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)


def complexity(node: Function) -> int:
    """McCabe's number as the linter counts it: one, and each place where the way parts."""
    ways = (each for each in ast.walk(node) if isinstance(each, BRANCHES))
    return 1 + sum(not isinstance(getattr(each, "pattern", None), ast.MatchAs) for each in ways)


def private_functions(tree: list[Module]) -> list[tuple[Function, bool]]:
    """Each private function, and whether it is named in one place alone beside its own."""
    every: list[tuple[Function, bool]] = []
    for module in tree:
        named = (n for n in ast.walk(module.tree) if isinstance(n, ast.Name | ast.Attribute))
        uses = Counter(n.id if isinstance(n, ast.Name) else n.attr for n in named)
        own = [node for _, node in functions([module]) if re.match("_[^_]", node.name)]
        every += [(node, uses[node.name] == 1) for node in own]
    return every


def used_once(tree: list[Module]) -> tuple[int, int]:
    """Private functions that are used once, and all of them."""
    every = private_functions(tree)
    return sum(once for _, once in every), len(every)


def short_used_once(tree: list[Module]) -> int:
    """Those used once that are of at most eight lines and have no docstring."""
    short = (n for n, once in private_functions(tree) if once and length(n) <= 8)
    return sum(ast.get_docstring(node) is None for node in short)


def documented(tree: list[Module]) -> tuple[int, int]:
    """Public functions, methods and classes with a docstring, and all of them."""
    with_text = every = 0
    for module in tree:
        for scope in (module.tree, *(n for n in module.tree.body if isinstance(n, ast.ClassDef))):
            for node in scope.body:
                public = isinstance(node, (*Function.__args__, ast.ClassDef))
                if public and not node.name.startswith("_"):
                    every += 1
                    with_text += ast.get_docstring(node) is not None
    return with_text, every


def share(pair: tuple[int, int]) -> str:
    """Part and whole as "72 % of 1100"."""
    part, whole = pair
    return f"{100 * part / whole:.0f} % of {whole}" if whole else "0"


def _most(counted: Counter[str]) -> str:
    folder, count = counted.most_common(1)[0]
    return f"{count} ({folder or PACKAGE})"


ROWS: Mapping[str, tuple[str, Callable[[list[Module]], object]]] = {
    "module basenames that stand twice in a floor": ("0", lambda t: len(basename_collisions(t))),
    "class names that stand twice in a floor": ("0", lambda t: len(class_collisions(t))),
    "class names in several floors": ("5", lambda t: len(classes_in_several_floors(t))),
    "constants that several modules bind": ("0", lambda t: len(constant_collisions(t))),
    "import circles of modules": ("0", lambda t: len(circles(graph_of(t)))),
    "import circles of folders": ("0", lambda t: len(circles(room_graph(t)))),
    "most loose files in a folder": ("20", lambda t: _most(loose_files(t))),
    "longest file, lines": ("300", lambda t: max(m.text.count("\n") for m in t)),
    "longest function, lines": ("60", lambda t: max(length(node) for _, node in functions(t))),
    "functions of complexity over 8": (
        "0",
        lambda t: sum(complexity(node) > 8 for _, node in functions(t)),
    ),
    "private functions used once": ("55 %", lambda t: share(used_once(t))),
    "of these up to 8 lines and without a docstring": ("", short_used_once),
    "public definitions with a docstring": ("98 %", lambda t: share(documented(t))),
    "modules": ("", len),
}
"""Each row with its goal."""


def checkout(revision: str, folder: Path) -> Path:
    """The package of `revision`, unpacked into `folder`."""
    archive = folder / "package.tar"
    with archive.open("wb") as file:
        subprocess.run(
            ["git", "archive", "--format=tar", revision, PACKAGE], cwd=ROOT, stdout=file, check=True
        )
    with tarfile.open(archive) as packed:
        packed.extractall(folder)
    return folder


def main(revisions: list[str]) -> None:
    """Print the table: a column for each revision, the working tree for none."""
    with tempfile.TemporaryDirectory() as folder:
        trees = {}
        for number, revision in enumerate(revisions):
            place = Path(folder) / str(number)
            place.mkdir()
            trees[revision] = modules(checkout(revision, place))
        trees = trees or {"working tree": modules(ROOT)}
    print("|", " | ".join(["measure", "goal", *trees]), "|")
    print("|---" * (2 + len(trees)) + "|")
    for label, (goal, measure) in ROWS.items():
        print("|", " | ".join([label, goal, *(str(measure(t)) for t in trees.values())]), "|")
    if len(trees) == 1:
        only = next(iter(trees.values()))
        for kind in (class_collisions, constant_collisions, classes_in_several_floors):
            for name, places in kind(only).items():
                print(f"{name}: {', '.join(places)}")
        for group in (*circles(graph_of(only)), *circles(room_graph(only))):
            print("circle:", " -> ".join(group))


if __name__ == "__main__":
    main(sys.argv[1:])
