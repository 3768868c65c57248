"""`lbrouter init`: a first configuration from what the machine's ports show and a few answers.

A wrong answer is told why, and asked again. With JSON: {"file", "lines": [{"name", "interface"}],
"trunk", "ports": [...]}.
"""

import asyncio
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lbrouter.cli.output.render import print_diagnostic, print_json, print_line
from lbrouter.cli.questions import ask
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.config.expected import did_you_mean
from lbrouter.compile.config.starter import (
    DetectedPort,
    StarterAnswers,
    UplinkDraft,
    describe_port,
    guess_answers,
    lines_without_rates,
    starter_config,
    uplinks_on,
)
from lbrouter.daemon.config_file import parse_config
from lbrouter.kernel.read import nics
from lbrouter.model.errors import ExitCode, NotPermittedError, UsageError
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.sections.field_types import ACCEPTED_NAME
from lbrouter.model.sections.line_rate import parse_line_rate
from lbrouter.model.sections.policies import ANY_UPLINK
from lbrouter.model.units import Rate
from lbrouter.model.validated_strings import InvalidValueError, parse_name
from lbrouter.system.atomic_file import FILE_MODE

DEFAULT_GATEWAY_NAME = "event"

RATES_PATTERN = re.compile(r"([^=]+)=([^/]+)/(.+)")
RATES_EXAMPLE = "lbrouter init --yes --rates enp1s0=50mbit/100mbit"


def init(
    context: typer.Context,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask no questions; use the defaults.")
    ] = False,
    rates: Annotated[
        list[str] | None,
        typer.Option(metavar="PORT=UP/DOWN", help='Rates of a line: "enp1s0=50mbit/100mbit".'),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Look at the ports and write a first configuration file; never replace one."""
    settings, interactive = settings_of(context, json=json), not yes
    if settings.config.exists():
        raise UsageError(
            phrase("{file} exists already; nothing was written.", file=settings.config),
            remedy="Move that file away, or choose another one: lbrouter --config FILE init",
        )
    if os.geteuid() != 0:
        raise NotPermittedError(
            "init needs root to look at the ports.", remedy="sudo lbrouter init"
        )
    if interactive and not sys.stdin.isatty():
        raise UsageError(
            "init needs a terminal to ask questions.",
            remedy="lbrouter init --yes uses the defaults",
        )
    ports = asyncio.run(nics.list_nics(print_diagnostic))
    answers = guess_answers(ports, name=DEFAULT_GATEWAY_NAME)
    if interactive:
        answers = _ask_answers(answers, ports)
    answers = with_rates(answers, rates or ())
    _write_config(settings.config, starter_config(answers, ports))
    _print_result(settings, answers, ports)
    return ExitCode.DONE


def _write_config(path: Path, text: str) -> None:
    """Checked before it is written: what init proposes must be what apply accepts."""
    parse_config(text.encode(), source=str(path))
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    # For root alone: a webhook with a token in its path may be written into it later.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _print_result(
    settings: CommandSettings, answers: StarterAnswers, ports: Sequence[DetectedPort]
) -> None:
    lines = [{"name": line.name, "interface": line.port} for line in answers.uplinks]
    if settings.json:
        rows = [
            {"name": port.name, "carrier": port.carrier, "offer": str(port.dhcp_offer or "")}
            for port in ports
        ]
        print_json(
            {"file": str(settings.config), "lines": lines, "trunk": answers.trunk, "ports": rows}
        )
        return
    for line in lines:
        known = {"name": f"{line['name']:<6}", "interface": line["interface"]}
        print_line(phrase("uplink {name} {interface}", **known))
    print_line(phrase("trunk         {interface}", interface=answers.trunk))
    print_line(phrase("written: {file}", file=settings.config))
    for name in lines_without_rates(answers):
        print_line(
            phrase(
                "{name} has no guarantees yet: its rates are not known (lbrouter measure {name})",
                name=name,
            )
        )
    print_line("next: lbrouter check, lbrouter rehearse, lbrouter apply --confirm-within 60s")


def _ask_answers(answers: StarterAnswers, detected: Sequence[DetectedPort]) -> StarterAnswers:
    """The guesses, put to the person at the terminal. Enter keeps each."""
    for port in detected:
        print_line(describe_port(port))
    ports = {port.name: port for port in detected}
    name = ask("Name of the gateway", _parse_new_name, default=answers.name)
    trunk = ask(
        "Port to the switch (trunk)", lambda text: _parse_port(text, ports), default=answers.trunk
    )
    proposed = ",".join(line.port for line in answers.uplinks if line.port != trunk)
    chosen = ask(
        "Ports with internet lines, the best first",
        lambda text: _parse_line_ports(text, trunk, ports),
        default=proposed,
    )
    return replace(answers, name=name, trunk=trunk, uplinks=_ask_lines(uplinks_on(chosen)))


def _ask_lines(lines: Sequence[UplinkDraft]) -> tuple[UplinkDraft, ...]:
    """The lines with their names and rates."""
    named: list[UplinkDraft] = []
    for line in lines:
        parse_new = partial(_parse_line_name, taken=frozenset(draft.name for draft in named))
        name = ask(
            phrase("Name of the line on {port}", port=line.port), parse_new, default=line.name
        )
        upload = ask(_rate_question(name, "upload"), _parse_rate)
        download = ask(_rate_question(name, "download"), _parse_rate)
        named.append(replace(line, name=name, upload=upload, download=download))
    return tuple(named)


def _rate_question(name: str, direction: str) -> str:
    known = {"name": name, "direction": direction}
    return phrase('{name}: {direction} rate ("20mbit"; Enter: not known yet)', **known)


def _parse_new_name(text: str) -> str:
    try:
        return parse_name(text)
    except InvalidValueError as refused:
        raise InvalidValueError(refused.reason, ACCEPTED_NAME) from None


def _parse_line_name(text: str, taken: frozenset[str]) -> str:
    name = _parse_new_name(text)
    if name in taken or name == ANY_UPLINK:
        raise InvalidValueError("is taken", "another name")
    return name


def _parse_port(text: str, ports: Mapping[str, DetectedPort]) -> str:
    if text not in ports:
        hint = did_you_mean(text, list(ports))
        raise InvalidValueError(
            phrase("is not a port of this machine{hint}", hint=hint), ", ".join(ports)
        )
    return text


def _parse_line_ports(
    text: str, trunk: str, ports: Mapping[str, DetectedPort]
) -> tuple[DetectedPort, ...]:
    """The ports of a list with commas or spaces. Raises InvalidValueError."""
    names = text.replace(",", " ").split()
    others = ", ".join(name for name in ports if name != trunk)
    for name in names:
        if name == trunk:
            raise InvalidValueError(
                phrase("names {trunk}, which is the trunk", trunk=trunk), others
            )
        if name not in ports:
            hint = did_you_mean(name, list(ports))
            raise InvalidValueError(
                phrase(
                    "names {name}, which is not a port of this machine{hint}", name=name, hint=hint
                ),
                others,
            )
    if not names or len(set(names)) < len(names):
        raise InvalidValueError("names no port" if not names else "names a port twice", others)
    return tuple(ports[name] for name in names)


def _parse_rate(text: str) -> Rate | None:
    return parse_line_rate(text) if text else None


def with_rates(answers: StarterAnswers, given: Sequence[str]) -> StarterAnswers:
    """The answers with the rates of `--rates`. Raises UsageError."""
    lines = {line.port: line for line in answers.uplinks}
    for text in given:
        match = RATES_PATTERN.fullmatch(text)
        if match is None:
            raise UsageError(
                phrase('--rates "{text}" is not PORT=UPLOAD/DOWNLOAD.', text=text),
                remedy=RATES_EXAMPLE,
            )
        port, *rates = match.groups()
        if port not in lines:
            raise UsageError(
                phrase('--rates "{text}": there is no line on {port}.', text=text, port=port),
                remedy=phrase("The lines are on {ports}.", ports=", ".join(lines)),
            )
        try:
            upload, download = map(parse_line_rate, rates)
        except InvalidValueError as error:
            said = phrase(
                '--rates "{text}": a rate {error}.', text=text, error=as_phrase(str(error))
            )
            raise UsageError(said, remedy=RATES_EXAMPLE) from error
        lines[port] = replace(lines[port], upload=upload, download=download)
    return replace(answers, uplinks=tuple(lines.values()))
