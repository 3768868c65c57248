"""The English texts for people in the source: what the catalogues must have an entry for.

A text is a constant: the first argument of `phrase`, or what stands where a text for people belongs
(an error's message, the reason of a diagnostic, the remedy of a finding). A text that is put
together in an f-string has no entry, so it cannot stand there.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import lbrouter
from lbrouter.model import errors
from lbrouter.model.messages.rendering import places_of

PACKAGE: Final = Path(lbrouter.__file__).parent

NOT_TRANSLATED: Final = (
    *("rehearsal", "cli/commands/rehearse.py"),  # a rehearsal is told in English
    "model/messages/codes.py",  # codes; their sentences are in the registry beside it
)

MAKERS: Final = frozenset({"phrase", "as_phrase"})

ERRORS: Final = frozenset(
    {
        *(name for name in dir(errors) if name.endswith("Error")),
        *("InvalidValueError", "DamagedFileError", "_file_error"),
    }
)
PRINTERS: Final = frozenset(
    {"print_line", "print_diagnostic", "print_diagnostics", "print_success", "on_screen", "ask"}
)
TEXT_KEYWORDS: Final = frozenset(
    {"reason", "accepted", "remedy", "question", "why", "found", "problem", "source", "because"}
)
CONSTANT_NAMES: Final = re.compile(
    r"why|reason|accepted|remedy|said|because|trouble"
    r"|[A-Z0-9_]*(REMEDY|MESSAGE|NOTE|ACCEPTED|_WHY|WHY_|WARNING|NOTHING|_MISSING|_ANSWERING"
    r"|_SOURCE)[A-Z0-9_]*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceText:
    """A text, and where it is; `constant` is false for an f-string."""

    text: str
    place: str
    constant: bool = True


def source_texts() -> Iterator[SourceText]:
    """Every text of the package that is for people, with letters of its own."""
    for file in sorted(PACKAGE.rglob("*.py")):
        name = str(file.relative_to(PACKAGE))
        if name.startswith(NOT_TRANSLATED):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for text, constant in _texts_of(node):
                if has_letters(text):
                    yield SourceText(text=text, place=f"{name}:{node.lineno}", constant=constant)  # type: ignore[attr-defined]


def has_letters(template: str) -> bool:
    """Whether a template says anything beside its values: "{key} = {value}" does not."""
    try:
        places = places_of(template)
    except ValueError:  # a constant with a brace of its own
        places = frozenset()
    for place in places:
        template = template.replace(f"{{{place}}}", "")
    return re.search("[A-Za-z]{2}", template) is not None


def _texts_of(node: ast.AST) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Call):
        yield from _texts_of_call(node, _called_name(node.func))
    elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [
            each.id for each in ast.walk(ast.Tuple(elts=targets)) if isinstance(each, ast.Name)
        ]
        if any(CONSTANT_NAMES.fullmatch(each) for each in names):
            yield from _leaves(node.value)


def _texts_of_call(call: ast.Call, name: str) -> Iterator[tuple[str, bool]]:
    if name in MAKERS:
        yield from _leaves(call.args[0], known=name == "phrase")
        return
    if name in ERRORS or name in PRINTERS:
        for argument in call.args:
            yield from _leaves(argument)
    for keyword in call.keywords:
        if keyword.arg in TEXT_KEYWORDS and name != "message":
            yield from _leaves(keyword.value)


def _leaves(value: ast.expr, *, known: bool = False) -> Iterator[tuple[str, bool]]:
    """The constants that a value may be; an f-string with letters beside its values is none."""
    match value:
        case ast.Constant(value=str(text)):
            yield text, True
        case ast.JoinedStr(values=parts):
            written = "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
            yield written, False
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_leaves(body, known=known), *_leaves(orelse, known=known))
        case ast.BoolOp(values=values) | ast.Tuple(elts=values):
            for each in values:
                yield from _leaves(each, known=known)
        case _ if known:
            yield "the template is not a constant", False


def _called_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
