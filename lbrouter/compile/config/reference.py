"""The reference of the configuration file, generated from the model: JSON Schema and a page.

Both are made from the types, the defaults and the docstrings of `lbrouter.model`, so both agree
with the parser.
"""

from collections.abc import Iterator
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import NullableSchema

from lbrouter.compile.config.expected import describe_type, fields_of, is_section, unwrap_annotation
from lbrouter.model.config import Config
from lbrouter.model.sections.uplinks import DEFAULT_TARGETS

JSON_SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> JsonSchemaValue:
    """The JSON Schema of the file (draft 2020-12), for editors that complete and check TOML."""
    schema = Config.model_json_schema(by_alias=True, schema_generator=_TomlSchemaGenerator)
    return {"$schema": JSON_SCHEMA_DIALECT, **_clean_schema(schema), "title": "lbrouter.toml"}


class _TomlSchemaGenerator(GenerateJsonSchema):
    """Pydantic's generator, taught that TOML has no null and what our defaults look like."""

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def encode_default(self, dft: Any) -> Any:
        return plain_default(dft)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def plain_default(value: Any) -> Any:
    """A default as plain data, the way the file would hold it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, tuple):
        return [plain_default(element) for element in value]
    if value is None or isinstance(value, bool | dict) or type(value) is int:
        return value
    return str(value)


def _clean_schema(node: Any) -> Any:
    """The schema without null defaults, and with names limited to valid ones."""
    if isinstance(node, list):
        return [_clean_schema(element) for element in node]
    if not isinstance(node, dict):
        return node
    cleaned = {key: _clean_schema(child) for key, child in node.items()}
    if cleaned.get("default", 0) is None:
        del cleaned["default"]
    if "patternProperties" in cleaned:
        cleaned["additionalProperties"] = False
    return cleaned


REFERENCE_INTRODUCTION: Final = """\
# The configuration file

One TOML file holds the whole configuration. A key that is not listed here is an error, and so is a
value of another form. `lbrouter check` names every error of the file in one run, each with its
line. This page is generated from the program's own model.

- **Names** of uplinks, VLANs and policies: a lower-case letter, then up to 30 of `a` to `z`, `0`
  to `9`, `_` and `-`.
- **Rates** are strings with a unit: `"800kbit"`, `"12.5mbit"`, `"1gbit"`. Bits, not bytes;
  1 kbit is 1000 bit.
- **Times** are strings with a unit: `"200ms"`, `"10s"`, `"5m"`, `"12h"`.
"""


def reference_markdown() -> str:
    """The reference page in Markdown."""
    parts = [REFERENCE_INTRODUCTION]
    for key, annotation in fields_of(Config).items():
        parts += _chapters(key, annotation, _header(key, annotation)[1].__doc__ or "")
    return "\n".join(parts).rstrip() + "\n"


def _chapters(path: str, annotation: Any, description: str) -> Iterator[str]:
    """The chapters of a section and of those within."""
    header, model = _header(path, annotation)
    yield f"## `{header}`\n\n{_one_line(description)}\n"
    yield from _key_table(model)
    inner = header.strip("[]")
    for key, field in model.model_fields.items():
        within = unwrap_annotation(fields_of(model)[field.alias or key])[0]
        if _is_table(within):
            yield from _chapters(f"{inner}.{key}", within, field.description or "")


def _header(path: str, annotation: Any) -> tuple[str, type[BaseModel]]:
    """The header as it stands in the file, and the model of what follows it."""
    base = unwrap_annotation(annotation)[0]
    if get_origin(base) is dict:
        return f"[{path}.NAME]", unwrap_annotation(get_args(base)[1])[0]
    if get_origin(base) is tuple:
        return f"[[{path}]]", unwrap_annotation(get_args(base)[0])[0]
    return f"[{path}]", base


def _key_table(model: type[BaseModel]) -> Iterator[str]:
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    annotations = fields_of(model)
    for name, field in model.model_fields.items():
        key = field.alias or name
        annotation = annotations[key]
        if field.is_required():
            default_cell = "required"
        elif field.default is DEFAULT_TARGETS:
            default_cell = ", ".join(f"`{target}`" for target in DEFAULT_TARGETS)
        else:
            plain = plain_default(field.default)
            default_cell = (
                ""
                if plain in (None, [], {}) or isinstance(plain, dict)
                else f"`{_toml_literal(plain)}`"
            )
        cells = (
            f"`{key}`",
            "a table, see below"
            if _is_table(unwrap_annotation(annotation)[0])
            else describe_type(annotation),
            default_cell,
            field.description or "",
        )
        yield f"| {' | '.join(_one_line(cell).replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _is_table(annotation: Any) -> bool:
    """Whether this is a section, or a table of sections by name."""
    if get_origin(annotation) is dict:
        return is_section(unwrap_annotation(get_args(annotation)[1])[0])
    return is_section(annotation)


def _toml_literal(plain: object) -> str:
    """A default as TOML: true, 4, "12h", ["down", "up"]."""
    if isinstance(plain, list):
        return f"[{', '.join(map(_toml_literal, plain))}]"
    if isinstance(plain, bool):
        return str(plain).lower()
    return f'"{plain}"' if isinstance(plain, str) else f"{plain}"


def _one_line(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())
