"""`InterfaceWatch`: a line whose interface comes back under another name is followed there."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from lbrouter.compile.routing.interface_choices import bound_config, may_move
from lbrouter.daemon.config_file import ConfigFile, interfaces_or_none
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.daemon.wakeup import Wakeup
from lbrouter.kernel.read.monitor import Notice, NoticeKind
from lbrouter.model.facts import InterfaceFacts
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message

LINK_KINDS: Final = frozenset({NoticeKind.LINK, NoticeKind.RESYNC})

INTERFACE_CHECK_INTERVAL_S: Final = 10.0
"""udev tells the path of a port a moment after the kernel has announced it."""


class InterfaceWatch:
    """The interfaces that the lines of the active file are plugged into.

    `adopt` puts a file into force whose words are the same; it is called under the write lock.
    """

    def __init__(
        self, loop: ReconcileLoop, journal: Journal, adopt: Callable[[ConfigFile], Awaitable[None]]
    ) -> None:
        self._loop, self._journal, self._adopt = loop, journal, adopt
        self._wakeup = Wakeup()

    def handle_notice(self, notice: Notice) -> None:
        """Handle an announcement of the kernel: perhaps an interface came, went or was renamed."""
        if notice.kind in LINK_KINDS:
            self._wakeup.set()

    async def run(self) -> None:
        """Follow the interfaces for ever."""
        while True:
            await self._wakeup.wait(INTERFACE_CHECK_INTERVAL_S)
            self._wakeup.clear()
            file = self._loop.config_file
            if may_move(file.config) and _moved_ports(file, interfaces_or_none()):
                async with self._loop.write_lock:
                    await self._follow()

    async def _follow(self) -> None:
        file, interfaces = self._loop.config_file, interfaces_or_none()
        moved = _moved_ports(file, interfaces)
        for name, port in moved.items():
            if port in interfaces:
                said = message(EventCode.INTERFACE_FOUND, uplink=name, interface=port)
                self._journal.log("interface", said, subject=name)
        if moved:
            await self._adopt(replace(file, config=bound_config(file.config, interfaces)))


def _moved_ports(file: ConfigFile, interfaces: Mapping[str, InterfaceFacts]) -> dict[str, str]:
    """The new port of each line that has another one than before, by the line's name."""
    before = file.config.uplink_ports()
    now = bound_config(file.config, interfaces).uplink_ports()
    return {name: port for name, port in now.items() if before[name] != port}
