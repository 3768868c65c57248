"""`lbrouter config`: the files that were applied, what differs between two, and back to one.

With JSON: `list` {"configs": [...]}, `show` a record with its "config", `diff` {"from", "to",
"changes", "toml"}; `undo` as `apply`.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from functools import partial
from typing import Annotated, Any

import typer

from lbrouter.cli.apply_file import apply_file
from lbrouter.cli.daemon_request import display_zone
from lbrouter.cli.output.config_words import change_text
from lbrouter.cli.output.console import console
from lbrouter.cli.output.render import print_damage, print_json, print_line
from lbrouter.cli.output.table import ResponsiveTable
from lbrouter.cli.screen_language import screen_language
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.cli.shared_options import parse_time_option
from lbrouter.compile.report.clock import local_date_time, zone_name
from lbrouter.compile.report.i18n import translate
from lbrouter.daemon.config_file import parse_config
from lbrouter.daemon.confirm.config_history import ConfigHistory
from lbrouter.daemon.control.config_queries import ConfigQueries
from lbrouter.daemon.control_socket import client
from lbrouter.daemon.control_socket.protocol import Document
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.model.errors import ExitCode, NotPermittedError
from lbrouter.model.language import Language
from lbrouter.model.messages.phrase import phrase

SHORT_DIGEST_CHARS = 12

DigestArgument = Annotated[
    str, typer.Argument(metavar="DIGEST", help="The beginning of its digest; else the present one.")
]

config = typer.Typer(
    name="config",
    help="List the files that were applied, compare two, go back to an earlier one.",
    add_completion=False,
    no_args_is_help=True,
)


@config.command("list")
def list_configs(context: typer.Context, *, json: JsonOption = False) -> int:
    """List the files that were applied or refused, the newest first."""
    settings = settings_of(context, json=json)
    found = asyncio.run(_ask(settings, {"action": "list"}))
    if settings.json:
        print_json(found)
    else:
        table = _configs_table(found["configs"], display_zone(settings), screen_language())
        console().print(table)
    return ExitCode.DONE


@config.command()
def show(context: typer.Context, digest: DigestArgument = "", *, json: JsonOption = False) -> int:
    """Print one of these files."""
    settings = settings_of(context, json=json)
    found = asyncio.run(_ask(settings, {"action": "show", "digest": digest}))
    if settings.json:
        print_json(found)
    else:
        print_line(str(found["config"]).rstrip("\n"))
    return ExitCode.DONE


@config.command()
def diff(
    context: typer.Context,
    first: Annotated[
        str, typer.Argument(metavar="A", help="The earlier file; else the one before.")
    ] = "",
    second: Annotated[
        str, typer.Argument(metavar="B", help="The later file; else the present one.")
    ] = "",
    *,
    json: JsonOption = False,
) -> int:
    """Show what differs between two of these files, in words and in TOML."""
    settings = settings_of(context, json=json)
    found = asyncio.run(_ask(settings, {"action": "diff", "from": first, "to": second}))
    if settings.json:
        print_json(found)
    else:
        _print_diff(found, screen_language())
    return ExitCode.DONE


@config.command()
def undo(
    context: typer.Context,
    digest: Annotated[
        str, typer.Argument(metavar="DIGEST", help="Which file; else the one before.")
    ] = "",
    *,
    confirm_within: Annotated[
        str, typer.Option(metavar="TIME", help="Confirm within TIME, or the present file stays.")
    ] = "60s",
    json: JsonOption = False,
) -> int:
    """Go back to an earlier file on trial: confirm it, or the present one comes back."""
    settings = settings_of(context, json=json)
    within = parse_time_option(confirm_within, option="--confirm-within")
    known = _local_queries(settings)
    with _readable():
        back = known.named(digest) if digest else known.earlier()
        text, present = known.text(back), known.current()
    file = parse_config(
        text.encode(), source=phrase("configuration {digest}", digest=_short(back.digest))
    )
    undoes = "" if present.digest == back.digest else present.digest
    return apply_file(settings, file.text, file.source, within, undoes=undoes)


async def _ask(settings: CommandSettings, request: Document) -> Any:
    """From the daemon; without one, from the state directory."""
    answer = await client.ask(settings.runtime_dir, {"verb": "config", **request})
    if answer is not None:
        return answer
    with _readable():
        return _local_queries(settings).answer(request)


def _local_queries(settings: CommandSettings) -> ConfigQueries:
    return ConfigQueries(ConfigHistory(settings.state_dir, print_damage))


@contextmanager
def _readable() -> Iterator[None]:
    """Within the block: files that are for root alone."""
    try:
        yield
    except PermissionError as error:
        raise NotPermittedError(
            phrase("{file} cannot be read: permission denied.", file=error.filename),
            remedy="Run it as root.",
        ) from error


def _configs_table(configs: list[Any], zone: tzinfo | None, language: Language) -> ResponsiveTable:
    say = partial(translate, language)
    at = say("applied at ({zone})", zone=zone_name(utc_timestamp(), zone))
    table = ResponsiveTable(
        *(at, say("digest"), say("by"), say("file"), say("outcome"), say("reason")),
        key=say("digest"),
        overflow=(say("file"), say("reason")),
    )
    for known in configs:
        by = known["by"]
        address = f" ({by['address']})" if by["address"] else ""
        outcome = say(known["outcome"])
        table.add_row(
            local_date_time(known["at"], zone),
            _short(known["digest"]),
            f"{by['name']}{address}",
            known["source"],
            say("{outcome}, in force", outcome=outcome) if known["current"] else outcome,
            known["reason"] or "-",
        )
    return table


def _print_diff(found: Any, language: Language) -> None:
    for change in found["changes"]:
        print_line(change_text(change, language))
    if not found["changes"]:
        print_line(translate(language, "nothing differs but comments and spaces"))
    if found["toml"]:
        print_line(f"\n{found['toml']}")


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:SHORT_DIGEST_CHARS]
