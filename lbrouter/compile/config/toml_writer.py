"""`render_toml`: writes a `Config` as TOML that `parse` reads back as the same `Config`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lbrouter.model.config import Config, PolicyMode

INLINE_TABLES: Final = frozenset({"upload", "download", "dhcp", "tolerate", "weights"})
"""Tables that people write on one line."""

EMPTY_VALUES: Final[tuple[object, ...]] = ([], {})
"""What is left out: an empty list or table says the same as none."""

TomlTable = Mapping[str, Any]


def render_toml(config: Config) -> str:
    """The file in TOML, each setting spelled out, defaults too: what a default is may change."""
    document: dict[str, Any] = config.model_dump(mode="json", by_alias=True, exclude_none=True)
    for name, policy in config.policies.items():
        if policy.mode is PolicyMode.FAILOVER:
            del document["policies"][name]["sticky"]
    return "\n".join(_section((), document)).strip() + "\n"


def _section(path: tuple[str, ...], table: TomlTable) -> Iterator[str]:
    """The lines of a table: what fits on a line, then the tables within, then the lists of them."""
    within = {key: value for key, value in table.items() if _needs_header(key, value)}
    plain = {
        key: value
        for key, value in table.items()
        if key not in within and value not in EMPTY_VALUES
    }
    if plain:
        yield f"\n[{'.'.join(path)}]"
    for key, value in plain.items():
        yield f"{key} = {_toml_value(value)}"
    for key, value in within.items():
        if isinstance(value, list):
            yield from _array_of_tables(key, value)
        else:
            yield from _section((*path, key), value)


def _needs_header(key: str, value: object) -> bool:
    """Whether a value gets a header of its own."""
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], dict)
    return isinstance(value, dict) and key not in INLINE_TABLES


def _array_of_tables(key: str, tables: list[TomlTable]) -> Iterator[str]:
    for table in tables:
        yield f"\n[[{key}]]"
        yield from (
            f"{inner} = {_toml_value(value)}" for inner, value in table.items() if value != []
        )


def _toml_value(value: object) -> str:
    """A value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(_toml_value(element) for element in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml_value(inner)}' for key, inner in value.items())} }}"
    return json.dumps(value)
