"""Which verbs there are, and where each is: `cli/commands/`, in the module of its name."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

from lbrouter.cli import commands

VERBS: Final = (
    "init",
    "check",
    "plan",
    "apply",
    "confirm",
    "rollback",
    "run",
    "status",
    "clients",
    "events",
    "measure",
    "explain",
    "limit",
    "down",
    "guard",
    "doctor",
    "rehearse",
    "uplink",
    "relay",
)
"""In the order of the help: from the first look at a file to the event."""


class VerbModules(Mapping[str, Any]):
    """The command of each verb, out of its module, which is imported when somebody asks for it: the
    firewall of the boot must not wait for what the rehearsal needs.

    The commands are of type Any: typer brings a click of its own, and keeps its classes to itself.
    """

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)

    def __getitem__(self, verb: str) -> Any:
        if verb not in VERBS:
            raise KeyError(verb)
        return _load_command(verb)


class VerbGroup(TyperGroup):
    """`lbrouter` itself: its help and the completion of names look at all verbs, a call at one."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": VerbModules()})


@cache
def _load_command(verb: str) -> Any:
    """The command made of what is named as the verb: a function, or a group of them (uplink)."""
    found = getattr(import_module(f"{commands.__name__}.{verb}"), verb)
    if not isinstance(found, typer.Typer):
        function, found = found, typer.Typer(add_completion=False)
        found.command()(function)
    return typer.main.get_command(found)
