"""Completion of names in the shell: uplinks, policies and VLANs of the file.

The file is read as plain TOML: nothing is checked, and the model is not loaded. Where it cannot be
read there is nothing to complete.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path

import typer

from lbrouter.cli.settings import DEFAULT_CONFIG_FILE

NameCompletion = Callable[[typer.Context, str], list[str]]
"""Takes the words so far and the beginning of the next one."""


def names_of(section: str) -> NameCompletion:
    """A completion for the names in a section of the file, such as "uplinks"."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        file = context.find_root().params.get("config") or DEFAULT_CONFIG_FILE
        try:
            found = tomllib.loads(Path(file).read_text(encoding="utf-8")).get(section, {})
        except (OSError, ValueError):
            return []
        names = found if isinstance(found, dict) else {}
        return [name for name in names if name.startswith(incomplete)]

    return complete
