"""Checks of names that point at other sections, shared by all modules here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.compile.config.expected import did_you_mean
from lbrouter.model.messages.phrase import phrase

MAX_NAMES_LISTED: Final = 16
"""Names that a message lists at most."""

MAX_NAMES_COMPARED: Final = 64
"""Names that are compared for a suggestion at most: each comparison takes time."""


def undefined_reference(
    table: str, name: str, names: Mapping[str, object], path: KeyPath
) -> Iterator[Diagnostic]:
    """A diagnostic if `name`, found at `path`, is not a section of `table`."""
    if name in names:
        return
    declared = list(names)
    hint = did_you_mean(name, declared) if len(declared) <= MAX_NAMES_COMPARED else ""
    yield Diagnostic(
        path=path,
        value=name,
        reason=phrase("there is no [{table}.{name}]{hint}", table=table, name=name, hint=hint),
        accepted=quoted_list(declared) or phrase("none; add [{table}.NAME] first", table=table),
        depends_on=((table, name),),
    )


def duplicates(items: Sequence[object], path: KeyPath) -> Iterator[Diagnostic]:
    """A diagnostic for each element of the list at `path` that repeats an earlier one."""
    seen: set[object] = set()
    for index, item in enumerate(items):
        if item in seen:
            why = "is in this list twice"
            yield Diagnostic(path=(*path, index), value=item, reason=why, accepted="each once")
        seen.add(item)


def quoted_list(names: Iterable[str]) -> str:
    """The names with commas, cut when there are many."""
    given = list(names)
    more = ", ..." if len(given) > MAX_NAMES_LISTED else ""
    return ", ".join(f'"{name}"' for name in given[:MAX_NAMES_LISTED]) + more
