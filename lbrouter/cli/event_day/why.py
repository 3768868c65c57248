"""`lbrouter why`: why a client has no internet, in the order in which a person would look.

With JSON a `WhyDocument`. The exit code is 0 whatever is found: the question was answered.
"""

import asyncio
from typing import Any, cast

import typer
from rich.text import Text

from lbrouter.cli.context import (
    build_applier,
    explain_context,
    health_source,
    load_config_file,
)
from lbrouter.cli.output.console import console
from lbrouter.cli.output.render import print_damage, print_json
from lbrouter.cli.screen_language import screen_language
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.cli.shared_options import ClientArgument
from lbrouter.compile.diagnosis.client_facts import GatewayView
from lbrouter.compile.diagnosis.why import WhyDocument, why_document
from lbrouter.compile.report.i18n import translate, translate_reason
from lbrouter.compile.report.styles import BAD_STYLE, GOOD_STYLE
from lbrouter.daemon.clients.client_inspection import inspect_client
from lbrouter.daemon.control_socket import client
from lbrouter.daemon.overrides.store import stored_blocks
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.errors import ExitCode
from lbrouter.model.language import Language

OK_SIGN, BAD_SIGN = "✓", "✗"


def why(
    context: typer.Context,
    who: ClientArgument,
    *,
    json: JsonOption = False,
) -> int:
    """Say why a client has no internet: cable, lease, address, names, limits, lines."""
    settings = settings_of(context, json=json)
    document = asyncio.run(_why(settings, who))
    if settings.json:
        print_json(document)
    else:
        _print_checks(document, screen_language())
    return ExitCode.DONE


async def _why(settings: CommandSettings, who: str) -> WhyDocument:
    """From the daemon, which knows the lines; without one, by the carriers."""
    answer = await client.ask(settings.runtime_dir, {"verb": "why", "client": who})
    if answer is not None:
        return cast("WhyDocument", answer)
    file = load_config_file(settings)
    async with LinuxKernel() as kernel:
        applier = build_applier(settings, kernel)
        known = await explain_context(applier, file.config, await health_source(settings))
    view = GatewayView(config=file.config, health=known.health, facts=known.facts)
    blocks = stored_blocks(settings.state_dir, print_damage)
    facts = await inspect_client(file.config, applier.dnsmasq, who, blocks.of)
    return why_document(view, facts)


def _print_checks(document: WhyDocument, language: Language) -> None:
    out = console()
    width = max(len(translate(language, check["name"])) for check in document["checks"])
    for check in document["checks"]:
        found: dict[str, Any] = {**check}
        sign, style = (OK_SIGN, GOOD_STYLE) if check["ok"] else (BAD_SIGN, BAD_STYLE)
        name = f"{translate(language, check['name']):<{width}}"
        text = translate_reason(language, found, "found")
        out.print(Text.assemble((sign, style), f" {name}  {text}"), soft_wrap=True)
        if check["remedy"]:
            remedy = translate_reason(language, found, "remedy")
            out.print(Text(f"  {'':<{width}}  -> {remedy}"), soft_wrap=True)
    out.print(Text(_verdict(document, language)), soft_wrap=True)


def _verdict(document: WhyDocument, language: Language) -> str:
    if document["cause"] is None:
        return translate(language, "Nothing wrong was found with {client}.", **_named(document))
    cause = translate(language, document["cause"])
    return translate(language, "The cause for {client}: {cause}", cause=cause, **_named(document))


def _named(document: WhyDocument) -> dict[str, str]:
    return {"client": document["client"]}
