"""`lbrouter alerts test`: one alert by each configured way, now.

0 where all were delivered, 1 where one was not. With JSON {"ok", "channels": [...]}.
"""

import asyncio
from typing import Any

import typer

from lbrouter.cli.context import load_config_file
from lbrouter.cli.output.render import print_json, print_line
from lbrouter.cli.screen_language import screen_language
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.report.i18n import translate_reason
from lbrouter.daemon.control_socket import client
from lbrouter.daemon.events.alert_test import send_test_alert
from lbrouter.model.errors import ExitCode

alerts = typer.Typer(
    name="alerts",
    help="Test the alerts: send one by each configured way now.",
    add_completion=False,
    no_args_is_help=True,
)


@alerts.callback()
def _alerts() -> None:
    """Test the alerts: send one by each configured way now."""


@alerts.command("test")
def send_test(context: typer.Context, *, json: JsonOption = False) -> int:
    """Send one alert by each configured way now; say delivered, or why not."""
    settings = settings_of(context, json=json)
    channels = asyncio.run(_test(settings))
    delivered = all(channel["delivered"] for channel in channels)
    if settings.json:
        print_json({"ok": delivered, "channels": channels})
    else:
        for channel in channels:
            print_line(translate_reason(screen_language(), channel, "said"))
    return ExitCode.DONE if delivered else ExitCode.CHECK_FAILED


async def _test(settings: CommandSettings) -> list[Any]:
    """By the daemon, with its rights and its network; without one, from here."""
    answer = await client.ask(settings.runtime_dir, {"verb": "alerts_test"})
    if answer is not None:
        return list(answer["channels"])
    return list(await send_test_alert(load_config_file(settings).config))
