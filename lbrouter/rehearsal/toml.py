"""A configuration written out again as TOML, for the copy that a venue gives to lbrouter."""

import json
from collections.abc import Mapping
from typing import Any

from lbrouter.model.config import Config

Table = Mapping[str, Any]


def render(config: Config) -> str:
    """`config` as the text of a file that parses back to the same configuration."""
    plain = config.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    lines: list[str] = []
    for section, value in plain.items():
        if isinstance(value, list):
            for each in value:
                lines += [f"[[{section}]]", *_keys(each), ""]
        elif any(isinstance(each, dict) for each in value.values()):
            for name, each in value.items():
                lines += [f"[{section}.{name}]", *_keys(each), ""]
        else:
            lines += [f"[{section}]", *_keys(value), ""]
    return "\n".join(lines)


def _keys(table: Table) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: object) -> str:
    """One value; JSON's strings, numbers and booleans are TOML's too."""
    if isinstance(value, dict):
        return "{ " + ", ".join(_keys(value)) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
