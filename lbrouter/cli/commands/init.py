"""`lbrouter init`: a first configuration from what the machine's ports show and a few answers.

With JSON: {"file", "lines": [{"name", "interface"}], "trunk", "ports": [...]}.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lbrouter.cli.output.render import print_json, print_line
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.config.starter import (
    DetectedPort,
    StarterAnswers,
    UplinkDraft,
    describe_port,
    guess_answers,
    starter_config,
    uplinks_on,
)
from lbrouter.daemon.config_file import parse_config
from lbrouter.kernel.read import nics
from lbrouter.model.errors import ExitCode, NotPermittedError, UsageError
from lbrouter.model.units import Rate

DEFAULT_GATEWAY_NAME = "event"


def init(
    context: typer.Context,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: the defaults.")] = False,
    json: JsonOption = False,
) -> int:
    """Look at the machine's ports and write a first configuration; never over an old one."""
    settings, ask = settings_of(context, json=json), not yes
    _require_no_config(settings.config)
    if os.geteuid() != 0:
        raise NotPermittedError("Looking at the ports needs root.", remedy="sudo lbrouter init")
    if ask and not sys.stdin.isatty():
        raise UsageError("There is nobody to ask.", remedy="lbrouter init --yes takes the defaults")
    found = asyncio.run(nics.list_nics())
    answers = guess_answers(found, name=DEFAULT_GATEWAY_NAME)
    if ask:
        answers = _ask_answers(answers, found)
    _write_config(settings.config, starter_config(answers, found))
    _print_result(settings, answers, found)
    return ExitCode.DONE


def _require_no_config(path: Path) -> None:
    if path.exists():
        raise UsageError(
            f"{path} is there already; nothing was written.",
            remedy="Move it away first, or name another place: lbrouter --config FILE init",
        )


def _write_config(path: Path, text: str) -> None:
    """Checked before it is written: what init proposes must be what apply accepts."""
    parse_config(text.encode(), source=str(path))
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def _print_result(
    settings: CommandSettings, answers: StarterAnswers, found: Sequence[DetectedPort]
) -> None:
    lines = [{"name": line.name, "interface": line.port} for line in answers.uplinks]
    if settings.json:
        rows = [
            {"name": port.name, "carrier": port.carrier, "offer": str(port.dhcp_offer or "")}
            for port in found
        ]
        print_json(
            {"file": str(settings.config), "lines": lines, "trunk": answers.trunk, "ports": rows}
        )
        return
    for line in lines:
        print_line(f"uplink {line['name']:<6} {line['interface']}")
    print_line(f"trunk         {answers.trunk}")
    print_line(f"written: {settings.config}")
    print_line("next: lbrouter check, lbrouter rehearse, lbrouter apply --confirm-within 60s")


def _ask_answers(answers: StarterAnswers, found: Sequence[DetectedPort]) -> StarterAnswers:
    """The guesses, put to whoever sits there. Enter keeps each."""
    for port in found:
        print_line(describe_port(port))
    name = typer.prompt("Name of the gateway", default=answers.name)
    trunk = typer.prompt("Port to the switch (trunk)", default=answers.trunk)
    proposed = ",".join(line.port for line in answers.uplinks)
    chosen = typer.prompt("Ports with internet lines, the best first", default=proposed)
    lines = uplinks_on(_ports_by_name([each.strip() for each in chosen.split(",")], trunk, found))
    return replace(
        answers, name=name, trunk=trunk, uplinks=tuple(_ask_rates(each) for each in lines)
    )


def _ports_by_name(
    wanted: Sequence[str], trunk: str, found: Sequence[DetectedPort]
) -> list[DetectedPort]:
    """The ports of these names. Raises UsageError when one is not there, twice, or the trunk."""
    by_name = {port.name: port for port in found}
    if {*wanted, trunk} - set(by_name) or len({*wanted, trunk}) < len(wanted) + 1:
        raise UsageError(
            f"{', '.join(wanted)} and the trunk {trunk} are not different ports of this machine.",
            remedy=f"Its ports: {', '.join(by_name)}",
        )
    return [by_name[each] for each in wanted]


def _ask_rates(line: UplinkDraft) -> UplinkDraft:
    """The line with its rates, where somebody knows them."""
    upload, download = (
        _ask_rate(f"{line.name} ({line.port}): {way}") for way in ("upload", "download")
    )
    return replace(line, upload=upload, download=download)


def _ask_rate(about: str) -> Rate | None:
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
