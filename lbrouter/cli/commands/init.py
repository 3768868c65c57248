"""`lbrouter init`: a first configuration from what the machine's ports show and a few answers."""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from lbrouter.cli.output.render import document, say
from lbrouter.cli.settings import Settings
from lbrouter.compile.config.starter import Answers, Line, Port, guess, lines_by, propose, sight
from lbrouter.daemon.config_file import understood
from lbrouter.kernel.read import nics
from lbrouter.model.errors import Exit, NotPermittedError, UsageError
from lbrouter.model.units import Rate

EVENT = "event"


def init(settings: Settings, *, ask: bool) -> int:
    """0 when the file was written. A file that is there already is never touched (64).

    With JSON: {"file", "lines": [{"name", "interface"}], "trunk", "ports": [...]}.
    """
    _require_new(settings.config)
    if os.geteuid() != 0:
        raise NotPermittedError("Looking at the ports needs root.", remedy="sudo lbrouter init")
    if ask and not sys.stdin.isatty():
        raise UsageError("There is nobody to ask.", remedy="lbrouter init --yes takes the defaults")
    found = asyncio.run(nics.look())
    answers = guess(found, name=EVENT)
    if ask:
        answers = _asked(answers, found)
    _write(settings.config, propose(answers, found))
    _tell(settings, answers, found)
    return Exit.DONE


def _require_new(path: Path) -> None:
    if path.exists():
        raise UsageError(
            f"{path} is there already; nothing was written.",
            remedy="Move it away first, or name another place: lbrouter --config FILE init",
        )


def _write(path: Path, text: str) -> None:
    """Checked before it is written: what init proposes must be what apply accepts."""
    understood(text.encode(), source=str(path))
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def _tell(settings: Settings, answers: Answers, found: Sequence[Port]) -> None:
    lines = [{"name": line.name, "interface": line.port} for line in answers.lines]
    if settings.json:
        rows = [
            {"name": port.name, "carrier": port.carrier, "offer": str(port.offer or "")}
            for port in found
        ]
        document(
            {"file": str(settings.config), "lines": lines, "trunk": answers.trunk, "ports": rows}
        )
        return
    for line in lines:
        say(f"uplink {line['name']:<6} {line['interface']}")
    say(f"trunk         {answers.trunk}")
    say(f"written: {settings.config}")
    say("next: lbrouter check, lbrouter rehearse, lbrouter apply --confirm-within 60s")


def _asked(answers: Answers, found: Sequence[Port]) -> Answers:
    """The guesses, put to whoever sits there. Enter keeps each."""
    for port in found:
        say(sight(port))
    name = typer.prompt("Name of the gateway", default=answers.name)
    trunk = typer.prompt("Port to the switch (trunk)", default=answers.trunk)
    proposed = ",".join(line.port for line in answers.lines)
    chosen = typer.prompt("Ports with internet lines, the best first", default=proposed)
    lines = lines_by(_named([each.strip() for each in chosen.split(",")], trunk, found))
    return replace(answers, name=name, trunk=trunk, lines=tuple(_measured(each) for each in lines))


def _named(wanted: Sequence[str], trunk: str, found: Sequence[Port]) -> list[Port]:
    """The ports of these names. Raises UsageError when one is not there, twice, or the trunk."""
    by_name = {port.name: port for port in found}
    if {*wanted, trunk} - set(by_name) or len({*wanted, trunk}) < len(wanted) + 1:
        raise UsageError(
            f"{', '.join(wanted)} and the trunk {trunk} are not different ports of this machine.",
            remedy=f"Its ports: {', '.join(by_name)}",
        )
    return [by_name[each] for each in wanted]


def _measured(line: Line) -> Line:
    """The line with its rates, where somebody knows them."""
    upload, download = (
        _rate(f"{line.name} ({line.port}): {way}") for way in ("upload", "download")
    )
    return replace(line, upload=upload, download=download)


def _rate(about: str) -> Rate | None:
    question = f'{about} rate ("20mbit"; Enter: not known yet)'
    text = typer.prompt(question, default="", show_default=False)
    if not text:
        return None
    try:
        return Rate.parse(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a rate: {error}", remedy='Such as "12.5mbit".'
        ) from error
