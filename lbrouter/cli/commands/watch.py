"""`lbrouter status --watch`: the screen, from the daemon each second, or off the kernel without.

Into a pipe or a file it prints each screen as plain lines; with JSON a document a line.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import tzinfo
from typing import Final, cast

from rich.console import Console
from rich.live import Live

from lbrouter.cli.daemon_request import display_zone, status_from_daemon
from lbrouter.cli.gateway_status import status_from_kernel
from lbrouter.cli.output.console import console
from lbrouter.cli.output.render import print_json_line, print_line
from lbrouter.cli.output.sparkline import terminal_glyphs
from lbrouter.cli.output.watch_screen import draw_screen
from lbrouter.cli.output.watch_tables import DisplayContext
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.report.i18n import translate
from lbrouter.daemon.control.queries import WatchDocument
from lbrouter.daemon.control_socket import client
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.model.errors import LbrouterError, NotAppliedError, NotPermittedError
from lbrouter.model.language import Language

WATCH_INTERVAL_S: Final = 1.0
WATCH_REPLY_TIMEOUT_S: Final = 5.0
"""A daemon that says nothing for so long is hung: then the kernel is asked instead."""

NO_DAEMON_ALARM: Final = "NO DAEMON: there is no failover. Start it: systemctl start lbrouter"
DAEMON_SILENT_ALARM: Final = "THE DAEMON DOES NOT ANSWER. This screen shows the kernel alone."

NO_TERMINAL_HEIGHT: Final = 1000

WatchFrame = tuple[WatchDocument, str]
"""What to draw, and what is wrong with looking (in English, "" for nothing)."""


def show_screens(settings: CommandSettings, language: Language) -> int:
    """Draw until Ctrl-C, or until the reader of the pipe has gone."""
    return asyncio.run(_keep_watching(settings, language))


async def _keep_watching(settings: CommandSettings, language: Language) -> int:
    if settings.json:
        while True:
            found = status_from_daemon(settings) or await status_from_kernel(settings)
            print_json_line(found)
            await asyncio.sleep(WATCH_INTERVAL_S)
    terminal = console()
    if not terminal.is_terminal:
        await _print_screens(settings, language, terminal)
    with Live(console=terminal, screen=True, auto_refresh=False) as live:
        zone = display_zone(settings)
        async for screen, alarm in _watch_frames(settings, language):
            look = _display_context(terminal, language, zone, alarm)
            live.update(draw_screen(screen, look), refresh=True)
    raise AssertionError  # screens never end


async def _print_screens(settings: CommandSettings, language: Language, terminal: Console) -> None:
    """Each screen as plain lines, one screen below the other, with a free line between."""
    zone = display_zone(settings)
    async for screen, alarm in _watch_frames(settings, language):
        with terminal.capture() as drawn:
            terminal.print(draw_screen(screen, _display_context(terminal, language, zone, alarm)))
        # `print` and not the console: that would end with code 1 where the reader has gone.
        print_line("\n".join(line.rstrip() for line in drawn.get().splitlines()) + "\n")


def _display_context(
    terminal: Console, language: Language, zone: tzinfo | None, alarm: str
) -> DisplayContext:
    width, height = terminal.size
    glyphs = terminal_glyphs(os.environ, terminal.encoding)
    return DisplayContext(
        width=width,
        height=height if terminal.is_terminal else NO_TERMINAL_HEIGHT,
        language=language,
        zone=zone,
        glyphs=glyphs if terminal.is_terminal else replace(glyphs, big=False),
        alarm=alarm,
    )


async def _watch_frames(
    settings: CommandSettings, language: Language
) -> AsyncGenerator[WatchFrame, None]:
    """One each second, whatever becomes of the daemon meanwhile."""
    last: WatchDocument | None = None
    while True:
        alarm = NO_DAEMON_ALARM
        try:
            async with aclosing(client.stream(settings.runtime_dir, {"verb": "watch"})) as stream:
                while (document := await _next_document(stream)) is not None:
                    last = document
                    yield last, ""
        except TimeoutError:
            alarm = DAEMON_SILENT_ALARM
        except (NotAppliedError, NotPermittedError):
            pass  # it is changing the kernel, or we may not ask it: the kernel tells
        try:
            # A screen without what only a daemon knows; the last story stays in
            # sight.
            last = {
                "at": utc_timestamp(),
                "status": await status_from_kernel(settings),
                "minute": {},
                "stories": [] if last is None else last["stories"],
                "repair": None if last is None else last["repair"],
                "repairs": 0 if last is None else last["repairs"],
            }
        except LbrouterError as error:
            if last is None:
                raise
            alarm = "status cannot be read: {error}"
            yield last, translate(language, alarm, error=error.message)
        else:
            yield last, translate(language, alarm)
        await asyncio.sleep(WATCH_INTERVAL_S)


async def _next_document(stream: AsyncGenerator[object, None]) -> WatchDocument | None:
    """The daemon's next document, None at the end. Raises TimeoutError where it is silent."""
    return cast(
        "WatchDocument | None", await asyncio.wait_for(anext(stream, None), WATCH_REPLY_TIMEOUT_S)
    )
