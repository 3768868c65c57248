"""SIGHUP: the file on disk is applied again. A wrong one changes nothing."""

import asyncio
from pathlib import Path

from lbrouter.daemon.config_file import load_config, require_tools
from lbrouter.daemon.control.commands import CommandHandlers
from lbrouter.daemon.events.journal import Journal
from lbrouter.kernel.systemd_notify import SystemdNotifier
from lbrouter.model.errors import LbrouterError
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message


class FileReloads:
    """Applies the file at `path` each time that `requested` is set."""

    def __init__(
        self,
        requested: asyncio.Event,
        commands: CommandHandlers,
        journal: Journal,
        notifier: SystemdNotifier,
        path: Path,
    ) -> None:
        self._requested, self._commands = requested, commands
        self._journal, self._notifier, self._path = journal, notifier, path

    async def run(self) -> None:
        """Apply the file at each request, for ever."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            self._notifier.reloading()
            try:
                await self._apply()
            except LbrouterError as error:
                self._journal.log("trouble", message(EventCode.FILE_REFUSED, error=str(error)))
            finally:
                self._notifier.ready(self._commands.gateway_name)

    async def _apply(self) -> None:
        file = load_config(self._path)
        require_tools(file.config)
        await self._commands.apply(file)
        for text in self._commands.warnings(file):  # `apply` says them to its caller
            self._journal.log("trouble", f"warning: {text}", subject="apply")
