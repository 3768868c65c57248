"""Which verbs there are, and where each is: in `cli/commands/` or `cli/event_day/`, by its name."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from lbrouter.cli import commands, event_day
from lbrouter.cli.plain_values import take_plain_values

VERBS: Final[Mapping[str, str]] = {
    "init": "Look at the ports and write a first configuration file; never replace one.",
    "check": "Check the file and the ruleset made from it. Changes nothing.",
    "plan": "Show what `apply` would change, as commands of ip, nft and tc.",
    "apply": "Set up the kernel as the file says; through the daemon if it runs.",
    "confirm": "Keep the change that waits for confirmation.",
    "rollback": "Undo at once the change that waits for confirmation.",
    "config": "List the files that were applied, compare two, go back to an earlier one.",
    "run": "Run the daemon in the foreground: it applies, probes, fails over and repairs.",
    "status": "Show the state of uplinks, policies and VLANs.",
    "clients": "List the clients: name, MAC, address, lease, VLAN, uplink, rates, connections.",
    "why": "Say why a client has no internet: cable, lease, address, names, limits, lines.",
    "events": "Print the timeline: faults, failovers, repairs, changes.",
    "alerts": "Test the alerts: send one by each configured way now.",
    "report": "Write one page about the event: lines, policies, VLANs, incidents, orders.",
    "measure": "Measure a line under full load, and propose its rates for the file.",
    "precheck": "Say whether the show may begin: lines, rates, pools, alerts, rehearsal.",
    "explain": "Show which rule, policy, uplink, mark, table, source and class a flow gets.",
    "limit": "Limit a VLAN to a rate for some time (the daemon must run).",
    "block": "Shut a client out: what it has open ends too (the daemon must run).",
    "unblock": "Let a client in again that was blocked (the daemon must run).",
    "down": "Remove everything that lbrouter set up in the kernel, and nothing else.",
    "guard": "Block all forwarding until the first apply; for the boot, before the network.",
    "doctor": "Check the kernel, programs and other network software; say how to fix problems.",
    "rehearse": "Test the configuration with simulated providers, internet and clients.",
    "uplink": "Drain, pin, restore and add uplinks (the daemon must run).",
    "login": "Take one client through one line alone, to log in at its portal.",
    "relay": "Set up the relay of a lane: the rented machine at its far end.",
}
"""In the order of the help, from the first look at a file to the event, each with its line there.
So help and completion of names import no verb."""


SHARED_MODULES: Final[Mapping[str, str]] = {"login": "uplink"}
"""Verbs that stand in the module of another one, by their names."""


EVENT_DAY_VERBS: Final = frozenset(
    {"why", "block", "unblock", "config", "alerts", "precheck", "report"}
)
"""Those whose modules are in `cli/event_day/`."""


class VerbModules(Mapping[str, Any]):
    """The command of each verb, out of its module, which is imported when it is asked for: the
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
    """`lbrouter` itself: help and completion of names show the table, a call imports one verb."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": VerbModules()})

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  -- typer calls it so
        """The verbs in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  -- typer calls it so
        """The verb's name and its line of help, None where there is no such verb."""
        if cmd_name not in VERBS:
            return None
        return TyperCommand(cmd_name, help=VERBS[cmd_name])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that the words call, its module imported now."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else self.commands[name], rest


def module_of(verb: str) -> str:
    """The name of the module of a verb."""
    room = event_day if verb in EVENT_DAY_VERBS else commands
    return f"{room.__name__}.{SHARED_MODULES.get(verb, verb)}"


@cache
def _load_command(verb: str) -> Any:
    """The command made of what is named as the verb: a function, or a group of them (uplink)."""
    command = getattr(import_module(module_of(verb)), verb)
    if not isinstance(command, typer.Typer):
        function, command = command, typer.Typer(add_completion=False)
        command.command()(function)
    made: Any = typer.main.get_command(command)
    for each in (made, *getattr(made, "commands", {}).values()):
        take_plain_values(each)
    return made
