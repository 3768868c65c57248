"""Decodes the file: each key known, each value of its type. Also the valid part of a broken file.

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

from lbrouter.compile.config.diagnostics import NO_VALUE, Diagnostic, KeyPath
from lbrouter.compile.config.expected import (
    accepted_at,
    annotation_at,
    did_you_mean,
    enum_words,
    keys_at,
)
from lbrouter.model.config import Config
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.validated_strings import InvalidValueError

TomlDocument = dict[str, Any]

MAX_ERRORS_SHOWN: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """What takes the place of a broken part, so that those after it keep their index."""

    depth: int
    value: dict[str, object]


_PLACEHOLDERS: Final[dict[str | int, Placeholder]] = {
    "gateway": Placeholder(depth=1, value={"name": "x"}),
    "rules": Placeholder(depth=2, value={"policy": "x"}),
    "maps": Placeholder(depth=2, value={"uplink": "x", "public": "192.0.2.2", "to": "192.0.2.1"}),
    "forwards": Placeholder(
        depth=2, value={"uplink": "x", "protocol": "tcp", "port": 1, "to": "192.0.2.1:1"}
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedConfig:
    """A decoded document: the model of it or of its valid part, and the errors."""

    config: Config | None
    errors: tuple[Diagnostic, ...] = ()
    invalid_paths: tuple[KeyPath, ...] = ()
    """The parts that are not in `config` because they are wrong."""
    errors_omitted: int = 0
    """Errors beyond those in `errors`. With so many this is another kind of file."""


def decode_config(document: TomlDocument) -> DecodedConfig:
    """The model of `document`, or of its valid part, with a diagnostic for each error."""
    try:
        return DecodedConfig(config=Config.model_validate(document))
    except ValidationError as error:
        faults = error.errors(include_url=False)
    findings = tuple([_diagnostic(fault) for fault in faults[:MAX_ERRORS_SHOWN]])
    if len(faults) > MAX_ERRORS_SHOWN:
        return DecodedConfig(
            config=None, errors=findings, errors_omitted=len(faults) - MAX_ERRORS_SHOWN
        )
    config, broken = _decode_valid_part(deepcopy(document), faults)
    return DecodedConfig(config=config, errors=findings, invalid_paths=broken)


def _diagnostic(error: ErrorDetails) -> Diagnostic:
    path, is_key = _error_path(error)
    kind = error["type"]
    if kind == "extra_forbidden":
        known = keys_at(path[:-1])
        hint = did_you_mean(str(path[-1]), known)
        return Diagnostic(
            path=path,
            reason=phrase("is not a key here{hint}", hint=hint),
            accepted=", ".join(known),
        )
    if kind == "missing":
        return Diagnostic(path=path, reason=phrase("is missing"), accepted=accepted_at(path))
    reason, accepted = _reason_and_accepted(error)
    return Diagnostic(
        path=path,
        value=NO_VALUE if is_key else error["input"],
        reason=reason,
        accepted=accepted or accepted_at(path),
    )


def _error_path(error: ErrorDetails) -> tuple[KeyPath, bool]:
    """The path, and whether it is the key itself (not its value) that is wrong."""
    path = error["loc"]
    if path and path[-1] == "[key]" and error["type"] == "value_error":
        return path[:-1], True
    return path, False


def _reason_and_accepted(error: ErrorDetails) -> tuple[str, str]:
    """The reason of an error, and what would be accepted if the error says it."""
    refused = error.get("ctx", {}).get("error")
    if isinstance(refused, InvalidValueError):
        return refused.reason, refused.accepted
    hint = did_you_mean(str(error["input"]), enum_words(annotation_at(error["loc"])))
    reason = as_phrase(_REASON_BY_ERROR_TYPE.get(error["type"], phrase("is not what belongs here")))
    return phrase("{reason}{hint}", reason=reason, hint=hint), ""


# Pydantic's messages describe Python types; these describe the file.
_REASON_BY_ERROR_TYPE: Final = {
    "bool_type": phrase("is neither true nor false"),
    "dict_type": phrase("is not a table"),
    "enum": phrase("is not one of the words for this key"),
    "greater_than_equal": phrase("is too small"),
    "int_type": phrase("is not a whole number"),
    "less_than_equal": phrase("is too large"),
    "model_type": phrase("is not a table"),
    "too_long": phrase("has too many elements"),
    "too_short": phrase("has too few elements"),
    "tuple_type": phrase("is not a list"),
}


def _decode_valid_part(
    document: TomlDocument, errors: Iterable[ErrorDetails]
) -> tuple[Config | None, tuple[KeyPath, ...]]:
    """The model of `document` without what is wrong in it; None if nothing is valid.

    If a required key was cut out, the next round removes its section: hence the loop. Each round
    removes something, so the loop ends.
    """
    broken: list[KeyPath] = []
    while True:
        cuts = {_path_to_remove(fault) for fault in errors}
        if () in cuts:
            return None, tuple(broken)
        for cut in outermost(cuts):
            _remove_or_replace(document, cut)
        # The path in lower case: how other sections name one whose own name has capitals.
        broken.extend(
            cuts
            | {
                tuple(step.lower() if isinstance(step, str) else step for step in cut)
                for cut in cuts
            }
        )
        try:
            return Config.model_validate(document), tuple(broken)
        except ValidationError as error:
            errors = error.errors(include_url=False)


def _path_to_remove(error: ErrorDetails) -> KeyPath:
    """The part to remove for an error: an optional key, or a whole section or element."""
    path, _ = _error_path(error)
    if path[0] in _PLACEHOLDERS:
        return path[: _PLACEHOLDERS[path[0]].depth]
    if error["type"] == "missing":
        path = path[:-1]
    return tuple(takewhile(lambda step: isinstance(step, str), path))


def _remove_or_replace(document: TomlDocument, path: KeyPath) -> None:
    """Remove what is at `path`, or put the placeholder in its place."""
    *way, last = path
    parent: Any = document
    for step in way:
        parent = parent[step]
    filler = _PLACEHOLDERS.get(path[0])
    if filler is not None and len(path) == filler.depth:
        parent[last] = filler.value
    else:
        del parent[last]


def outermost(paths: Iterable[KeyPath]) -> list[KeyPath]:
    """The paths that do not lie within another one of them."""
    broken = set(paths)
    return [path for path in broken if not any(path[:n] in broken for n in range(len(path)))]
