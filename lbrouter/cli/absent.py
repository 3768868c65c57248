"""Verbs of the contract that this version does not have: listed in the help, refused by name."""

from typing import Annotated, NoReturn

import typer

from lbrouter.model.errors import UnavailableError

NOT_HERE = "not in this version"

uplink = typer.Typer(help="Drain, pin and restore uplinks (not in this version).")

Name = Annotated[str, typer.Argument(metavar="NAME")]


def refuse(verb: str) -> NoReturn:
    """Say that `verb` is not there yet, with exit code 69."""
    raise UnavailableError(
        f"`lbrouter {verb}` is {NOT_HERE}.",
        remedy="`lbrouter --help` lists what this version does.",
    )


def run() -> NoReturn:
    """The daemon, in the foreground (not in this version)."""
    refuse("run")


def confirm() -> NoReturn:
    """Keep what waits for confirmation (not in this version)."""
    refuse("confirm")


def rollback() -> NoReturn:
    """Undo at once what waits for confirmation (not in this version)."""
    refuse("rollback")


@uplink.command()
def drain(name: Name) -> NoReturn:
    """No new flows on an uplink (not in this version)."""
    refuse(f"uplink drain {name}")


@uplink.command()
def pin(policy: Annotated[str, typer.Argument(metavar="POLICY")], name: Name) -> NoReturn:
    """Force a policy onto an uplink (not in this version)."""
    refuse(f"uplink pin {policy} {name}")


@uplink.command()
def restore(name: Name) -> NoReturn:
    """Back to automatic (not in this version)."""
    refuse(f"uplink restore {name}")
