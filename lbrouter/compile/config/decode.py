"""The form of the file: each key known, each value of its type. And what is sound in a broken file.

A file with a typing error in one section still has its other sections cross-checked, so that one
run reports everything: the broken parts are cut out, and the rest is validated again.
"""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lbrouter.compile.config.diagnostics import ABSENT, Finding, Path
from lbrouter.compile.config.expected import (
    accepted_at,
    annotation_at,
    did_you_mean,
    keys_at,
    words_of,
)
from lbrouter.model.config import Config
from lbrouter.model.validated_strings import RefusedError

Document = dict[str, Any]

MAX_FINDINGS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """What takes the place of a broken part, so that those after it keep their index."""

    depth: int
    value: dict[str, object]


_FILLERS: Final[dict[str | int, Filler]] = {
    "gateway": Filler(depth=1, value={"name": "x"}),
    "rules": Filler(depth=2, value={"policy": "x"}),
    "forwards": Filler(
        depth=2, value={"uplink": "x", "protocol": "tcp", "port": 1, "to": "192.0.2.1:1"}
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    """What became of a document: the model of it or of its sound part, and what is wrong."""

    config: Config | None
    findings: tuple[Finding, ...] = ()
    broken: tuple[Path, ...] = ()
    """The parts that `config` lacks because they are wrong."""
    more: int = 0
    """Faults beyond those in `findings`. With so many this is another kind of file."""


def shape(document: Document) -> Shaped:
    """The model of `document`, or of what is sound in it, with a finding for each fault of form."""
    try:
        return Shaped(config=Config.model_validate(document))
    except ValidationError as error:
        faults = error.errors(include_url=False)
    findings = tuple([_finding(fault) for fault in faults[:MAX_FINDINGS]])
    if len(faults) > MAX_FINDINGS:
        return Shaped(config=None, findings=findings, more=len(faults) - MAX_FINDINGS)
    config, broken = _salvage(deepcopy(document), faults)
    return Shaped(config=config, findings=findings, broken=broken)


def _finding(fault: ErrorDetails) -> Finding:
    path, is_key = _place(fault)
    kind = fault["type"]
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        return Finding(path=path, reason="is missing", accepted=accepted_at(path))
    reason, accepted = _why(fault)
    return Finding(
        path=path,
        value=ABSENT if is_key else fault["input"],
        reason=reason,
        accepted=accepted or accepted_at(path),
    )


def _unknown_key(path: Path) -> Finding:
    known = keys_at(path[:-1])
    hint = did_you_mean(str(path[-1]), known)
    return Finding(path=path, reason=f"is not a key here{hint}", accepted=", ".join(known))


def _place(fault: ErrorDetails) -> tuple[Path, bool]:
    """The path, and whether it is the key itself (not its value) that is wrong."""
    path = fault["loc"]
    if path and path[-1] == "[key]" and fault["type"] == "value_error":
        return path[:-1], True
    return path, False


def _why(fault: ErrorDetails) -> tuple[str, str]:
    """The reason of a fault, and what would be accepted where the fault itself knows."""
    refused = fault.get("ctx", {}).get("error")
    if isinstance(refused, RefusedError):
        return refused.reason, refused.accepted
    hint = did_you_mean(str(fault["input"]), words_of(annotation_at(fault["loc"])))
    return _REASONS.get(fault["type"], "is not what belongs here") + hint, ""


# Pydantic's words speak of Python; these speak of the file.
_REASONS: Final = {
    "bool_type": "is neither true nor false",
    "dict_type": "is not a table",
    "enum": "is not one of the words for this key",
    "greater_than_equal": "is too small",
    "int_type": "is not a whole number",
    "less_than_equal": "is too large",
    "model_type": "is not a table",
    "too_long": "has too many elements",
    "too_short": "has too few elements",
    "tuple_type": "is not a list",
}


def _salvage(
    document: Document, faults: Iterable[ErrorDetails]
) -> tuple[Config | None, tuple[Path, ...]]:
    """The model of `document` without what is wrong in it; None when nothing can be saved.

    A required key that was cut out takes its section along in the next round, hence the loop. Each
    round takes something away, so it ends.
    """
    broken: list[Path] = []
    while True:
        cuts = {_cut(fault) for fault in faults}
        if () in cuts:
            return None, tuple(broken)
        for cut in outermost(cuts):
            _remove(document, cut)
        broken.extend(cuts | {_lowered(cut) for cut in cuts})
        try:
            return Config.model_validate(document), tuple(broken)
        except ValidationError as error:
            faults = error.errors(include_url=False)


def _cut(fault: ErrorDetails) -> Path:
    """The part to take out for a fault: an optional key, or a whole section or element."""
    path, _ = _place(fault)
    if path[0] in _FILLERS:
        return path[: _FILLERS[path[0]].depth]
    if fault["type"] == "missing":
        path = path[:-1]
    return tuple(takewhile(lambda step: isinstance(step, str), path))


def _remove(document: Document, path: Path) -> None:
    """Take out what stands at `path`, or put the filler in its place."""
    *way, last = path
    parent: Any = document
    for step in way:
        parent = parent[step]
    filler = _FILLERS.get(path[0])
    if filler is not None and len(path) == filler.depth:
        parent[last] = filler.value
    else:
        del parent[last]


def _lowered(path: Path) -> Path:
    """The path in lower case: what others call a section whose own name has capitals."""
    return tuple(step.lower() if isinstance(step, str) else step for step in path)


def outermost(paths: Iterable[Path]) -> list[Path]:
    """The paths that do not lie within another one of them."""
    found = set(paths)
    return [path for path in found if not any(path[:n] in found for n in range(len(path)))]
