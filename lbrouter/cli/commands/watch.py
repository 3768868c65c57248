"""`lbrouter status --watch`: the screen, from the daemon each second, or off the kernel without."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, cast

from rich.live import Live

from lbrouter.cli.commands import status
from lbrouter.cli.output.render import document
from lbrouter.cli.output.sparkline import glyphs
from lbrouter.cli.output.watch_screen import draw
from lbrouter.cli.output.watch_tables import Look
from lbrouter.cli.settings import Settings
from lbrouter.compile.report.i18n import say
from lbrouter.compile.report.status import Status
from lbrouter.daemon.control import client
from lbrouter.daemon.control.queries import Screen
from lbrouter.daemon.events.history import moment
from lbrouter.model.errors import LbrouterError, NotAppliedError, NotPermittedError
from lbrouter.model.language import Language

WATCH_S: Final = 1.0
PATIENCE_S: Final = 5.0
"""A daemon that says nothing for so long is hung: then the kernel is asked instead."""

NO_DAEMON: Final = "NO DAEMON: nothing fails over. Start it: systemctl start lbrouter"
SILENT: Final = "THE DAEMON DOES NOT ANSWER. This is what the kernel holds."

PLAIN_HEIGHT: Final = 1000

Seen = tuple[Screen, str]
"""What to draw, and what is wrong with looking (in English, "" for nothing)."""


async def watch(settings: Settings, language: Language) -> int:
    """Draw until Ctrl-C; with JSON one status document after the other."""
    if settings.json:
        while True:
            document(await status.compose(settings))
            await asyncio.sleep(WATCH_S)
    console = status.console()
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        async for screen, alarm in _screens(settings, language):
            width, height = console.size
            look = Look(
                width=width,
                height=height if console.is_terminal else PLAIN_HEIGHT,
                language=language,
                zone=None,
                glyphs=glyphs(os.environ, console.encoding),
                alarm=alarm,
            )
            live.update(draw(screen, look), refresh=True)
    raise AssertionError  # screens never end


async def _screens(settings: Settings, language: Language) -> AsyncGenerator[Seen, None]:
    """One each second, whatever becomes of the daemon meanwhile."""
    last: Screen | None = None
    while True:
        alarm = NO_DAEMON
        try:
            async with aclosing(client.follow(settings.runtime_dir, {"verb": "watch"})) as stream:
                while (found := await _next(stream)) is not None:
                    last = found
                    yield last, ""
        except TimeoutError:
            alarm = SILENT
        except (NotAppliedError, NotPermittedError):
            pass  # it is changing the kernel, or we may not ask it: the kernel tells
        try:
            last = _bare(await status.read(settings), last)
        except LbrouterError as error:
            if last is None:
                raise
            alarm = "cannot look: {error}"
            yield last, say(language, alarm, error=error.what)
        else:
            yield last, say(language, alarm)
        await asyncio.sleep(WATCH_S)


async def _next(stream: AsyncGenerator[object, None]) -> Screen | None:
    """The daemon's next document, None at the end. Raises TimeoutError where it is silent."""
    return cast("Screen | None", await asyncio.wait_for(anext(stream, None), PATIENCE_S))


def _bare(status: Status, last: Screen | None) -> Screen:
    """A screen without what only a daemon knows; the last story stays in sight."""
    return {
        "at": moment(),
        "status": status,
        "minute": {},
        "stories": [] if last is None else last["stories"],
        "repair": None if last is None else last["repair"],
        "repairs": 0 if last is None else last["repairs"],
    }
