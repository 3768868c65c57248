"""`lbrouter plan`: what an apply would do, and why."""

import asyncio
from typing import Annotated

import typer

from lbrouter.cli.context import (
    build_applier,
    health_source,
    load_config_file,
    print_shaping_warnings,
    print_warnings,
)
from lbrouter.cli.effects import combined_plan
from lbrouter.cli.output.config_words import print_brief_plan
from lbrouter.cli.output.plan_text import print_plan
from lbrouter.cli.output.render import print_diagnostics
from lbrouter.cli.screen_language import screen_language
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.language import Language


def plan(
    context: typer.Context,
    *,
    brief: Annotated[
        bool, typer.Option("--brief", help="In words: what of the file changes, and how much.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Show what `apply` would change, as commands of ip, nft and tc."""
    settings = settings_of(context, json=json)
    return asyncio.run(_print_plan(settings, screen_language(), brief=brief))


async def _print_plan(settings: CommandSettings, language: Language, *, brief: bool) -> int:
    """Exit code 2 when it holds changes."""
    file, judge = load_config_file(settings), await health_source(settings)
    async with LinuxKernel() as kernel:
        here = build_applier(settings, kernel)
        snapshot = await here.observe(file.config, health_source=judge)
    print_warnings(file, snapshot, here.store)
    print_diagnostics(
        "note: `apply` needs --take-over", snapshot.foreign_qdisc_warnings(file.config)
    )
    snapshot = snapshot.with_foreign_qdisc_policy(file.config, ForeignQdiscPolicy.REPLACE)
    planned = snapshot.planned(file)
    print_shaping_warnings(planned.shaping)
    steps = combined_plan(planned.steps(), here.services_plan(file.config))
    if not brief:
        return print_plan(steps, settings)
    before = here.store.load_config()
    return print_brief_plan(settings, language, before, file.text, len(steps.operations))
