"""`lbrouter precheck`: may the show begin? One verdict, from what is measured.

0 where it is GREEN or AMBER, 1 where it is RED. With JSON a `PrecheckDocument`.
"""

import asyncio
from datetime import tzinfo
from typing import Any, Final, cast

import typer
from rich.text import Text

from lbrouter.cli.context import build_applier, load_config_file
from lbrouter.cli.daemon_request import display_zone
from lbrouter.cli.gateway_status import status_from_kernel
from lbrouter.cli.output.console import console
from lbrouter.cli.output.render import print_damage, print_json
from lbrouter.cli.screen_language import screen_language
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.diagnosis.precheck import PrecheckDocument, Verdict
from lbrouter.compile.diagnosis.precheck_items import PrecheckState
from lbrouter.compile.report.clock import local_date_time
from lbrouter.compile.report.i18n import translate, translate_reason
from lbrouter.compile.report.styles import BAD_STYLE, FAIR_STYLE, GOOD_STYLE
from lbrouter.daemon.control.precheck_queries import gather_precheck
from lbrouter.daemon.control_socket import client
from lbrouter.daemon.overrides.store import stored_blocks
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.errors import ExitCode
from lbrouter.model.language import Language

ITEM_STYLES: Final = {
    PrecheckState.OK: GOOD_STYLE,
    PrecheckState.WARN: FAIR_STYLE,
    PrecheckState.FAIL: BAD_STYLE,
    PrecheckState.BY_HAND: "",
}
VERDICT_STYLES: Final = {
    Verdict.GREEN: GOOD_STYLE,
    Verdict.AMBER: FAIR_STYLE,
    Verdict.RED: BAD_STYLE,
}


def precheck(context: typer.Context, *, json: JsonOption = False) -> int:
    """Say whether the show may begin: lines, rates, pools, alerts, rehearsal."""
    settings = settings_of(context, json=json)
    document = asyncio.run(_precheck(settings))
    if settings.json:
        print_json(document)
    else:
        _print_items(document, screen_language(), display_zone(settings))
    red = document["verdict"] == Verdict.RED
    return ExitCode.CHECK_FAILED if red else ExitCode.DONE


async def _precheck(settings: CommandSettings) -> PrecheckDocument:
    answer = await client.ask(settings.runtime_dir, {"verb": "precheck"})
    if answer is not None:
        return cast("PrecheckDocument", answer)
    file, status = load_config_file(settings), await status_from_kernel(settings)
    blocked = sorted(stored_blocks(settings.state_dir, print_damage).in_force())
    async with LinuxKernel() as kernel:
        return await gather_precheck(file, status, build_applier(settings, kernel), blocked)


def _print_items(document: PrecheckDocument, language: Language, zone: tzinfo | None) -> None:
    out = console()
    names = {check["name"]: translate(language, check["name"]) for check in document["checks"]}
    states = {state: translate(language, state) for state in PrecheckState}
    width, name_width = max(map(len, states.values())), max(map(len, names.values()))
    for check in document["checks"]:
        found: dict[str, Any] = {**check}
        state = PrecheckState(check["state"])
        done = "" if check["at"] is None else f" ({local_date_time(check['at'], zone)})"
        text = f"  {names[check['name']]:<{name_width}}  "
        text += f"{translate_reason(language, found, 'found')}{done}"
        word = (f"{states[state]:<{width}}", ITEM_STYLES[state])
        out.print(Text.assemble(word, text), soft_wrap=True)
        if check["remedy"]:
            remedy = translate_reason(language, found, "remedy")
            out.print(Text(f"{'':<{width}}  {'':<{name_width}}  -> {remedy}"), soft_wrap=True)
    verdict = Verdict(document["verdict"])
    out.print(Text(translate(language, verdict), style=VERDICT_STYLES[verdict]))
