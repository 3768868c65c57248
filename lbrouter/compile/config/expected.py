"""What the file accepts at a place, in words: generated from the model, so that both agree."""

from collections.abc import Iterable
from difflib import get_close_matches
from enum import EnumType
from functools import reduce
from typing import Annotated, Any, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lbrouter.compile.config.diagnostics import KeyPath
from lbrouter.model.config import Config
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.validated_strings import OneOrMany, ParsedString


def accepted_at(path: KeyPath) -> str:
    """What is accepted at `path`, "" for a place that the model does not know."""
    annotation = annotation_at(path)
    return "" if annotation is None else describe_type(annotation)


def annotation_at(path: KeyPath) -> Any:
    """The annotation of the place `path`, None where the model has no such place."""
    annotation: Any = Config
    for step in path:
        annotation = None if annotation is None else _child_annotation(annotation, step)
    return annotation


def keys_at(path: KeyPath) -> list[str]:
    """The keys of the section at `path`, in the model's order."""
    base = unwrap_annotation(annotation_at(path))[0]
    return list(fields_of(base)) if is_section(base) else []


def fields_of(section: type[BaseModel]) -> dict[str, Any]:
    """Annotation of each key of a section, by the key as the file writes it."""
    return {
        field.alias or name: Annotated[(field.annotation, None, *field.metadata)]
        for name, field in section.model_fields.items()
    }


def is_section(annotation: Any) -> bool:
    """Whether this is the type of a section with known keys."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def describe_type(annotation: Any) -> str:
    """What a value of this type looks like in the file."""
    base, extras = unwrap_annotation(annotation)
    if any(isinstance(extra, OneOrMany) for extra in extras):
        element = as_phrase(describe_type(get_args(base)[0]))
        return phrase("{element}; or a list of these", element=element)
    text = next((extra for extra in extras if isinstance(extra, ParsedString)), None)
    if text is not None:
        return text.accepted
    if isinstance(base, EnumType):
        words = [phrase('"{word}"', word=word) for word in enum_words(base)]
        return reduce(
            lambda left, right: phrase("{left} or {right}", left=left, right=right), words
        )
    if is_section(base):
        return phrase("a table with the keys {keys}", keys=", ".join(fields_of(base)))
    if get_origin(base) is dict:
        return phrase("a table, {size}each key {element}", **_element_words(base, extras))
    if get_origin(base) is tuple:
        return phrase("a list, {size}each {element}", **_element_words(base, extras))
    if base is bool:
        return phrase("true or false")
    [low] = [extra.ge for extra in extras if isinstance(extra, Ge)]
    [high] = [extra.le for extra in extras if isinstance(extra, Le)]
    return phrase("a whole number from {low} to {high}", low=low, high=high)


def enum_words(annotation: Any) -> list[str]:
    """The words of a key that takes one of a few, none for another key."""
    base = unwrap_annotation(annotation)[0]
    return list(map(str, base.__members__.values())) if isinstance(base, EnumType) else []


def did_you_mean(word: str, known: list[str]) -> str:
    """A hint if one of `known` is close to `word`: ', did you mean "this"?'; else ""."""
    close = get_close_matches(word[:64].lower(), known, n=1, cutoff=0.6)
    return phrase(', did you mean "{meant}"?', meant=close[0]) if close else ""


def unwrap_annotation(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type without `| None` and without its annotations, and these."""
    extras: tuple[Any, ...] = ()
    while True:
        arguments = get_args(annotation)
        if get_origin(annotation) is Annotated:
            annotation, extras = arguments[0], (*extras, *_flatten_metadata(arguments[1:]))
        elif type(None) in arguments:
            annotation = arguments[0]
        else:
            return annotation, extras


def _flatten_metadata(extras: Iterable[Any]) -> list[Any]:
    """The annotations; those that pydantic keeps inside a `Field(...)` are listed one by one."""
    flat: list[Any] = []
    for extra in extras:
        flat += extra.metadata if isinstance(extra, FieldInfo) else [extra]
    return flat


def _child_annotation(annotation: Any, step: str | int) -> Any:
    """The annotation one step further in."""
    base = unwrap_annotation(annotation)[0]
    if is_section(base):
        return fields_of(base).get(str(step))
    if get_origin(base) is dict:
        return get_args(base)[1]
    return get_args(base)[0] if get_origin(base) is tuple and isinstance(step, int) else None


def _element_words(base: Any, extras: tuple[Any, ...]) -> dict[str, str]:
    """How many elements a list or table takes, and what each is."""
    element = as_phrase(describe_type(get_args(base)[0]))
    return {"size": _describe_size(extras), "element": element}


def _describe_size(extras: tuple[Any, ...]) -> str:
    """How many elements a list or table takes, where that is limited."""
    sizes = {type(extra).__name__: extra for extra in extras}
    least, most = sizes.get("MinLen"), sizes.get("MaxLen")
    if least is None and most is None:
        return ""
    low = least.min_length if least else 0
    return (
        phrase("{low} to {most} of them, ", low=low, most=most.max_length)
        if most
        else phrase("at least {low} of them, ", low=low)
    )
