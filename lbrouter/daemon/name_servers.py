"""Which resolvers dnsmasq asks: those of the file, and those of the lines that are fit.

The file's resolvers are asked a question now and then: a network that lets names through to its
own resolver alone looks healthy to every other probe.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from lbrouter.compile.services.dnsmasq import is_wanted
from lbrouter.compile.services.line_resolvers import (
    may_have_resolvers,
    servers_text,
    told_resolvers,
)
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.slow_work import in_program_thread
from lbrouter.kernel.probe.resolver_check import any_answers
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message
from lbrouter.services.dnsmasq import Dnsmasq

NAME_SERVERS_INTERVAL_S: Final = 0.5
FILE_RESOLVERS_INTERVAL_S: Final = 10.0
FILE_RESOLVERS_RECHECK_INTERVAL_S: Final = 2.0
"""After a question that none of them answered."""

SILENT_AFTER_QUESTIONS: Final = 2


class NameServers:
    """Keeps dnsmasq's file of servers; tells when the file's own resolvers are silent."""

    def __init__(self, dnsmasq: Dnsmasq, journal: Journal) -> None:
        self._dnsmasq = dnsmasq
        self._journal = journal
        self._unanswered = 0
        self._ask_at = float("-inf")

    async def run(
        self,
        config: Callable[[], Config],
        health: Callable[[], GatewayHealth],
        facts: Callable[[], Facts | None],
    ) -> None:
        """Keep it for ever, each time for the file and the health that count then."""
        while True:
            known = facts()
            if known is not None and may_have_resolvers(config()) and is_wanted(config()):
                await self.follow(config(), health(), known)
            await asyncio.sleep(NAME_SERVERS_INTERVAL_S)

    async def follow(self, config: Config, health: GatewayHealth, facts: Facts) -> None:
        """Write what is to be asked now, where it differs from what is asked."""
        await self._ask_file_resolvers(config, facts)
        silent = self._unanswered >= SILENT_AFTER_QUESTIONS
        if not health.uplinks.keys() >= config.uplinks.keys():
            return  # another file has just come into force
        text = servers_text(config, health, facts, file_is_silent=silent)
        if text != self._dnsmasq.servers():
            await in_program_thread(self._dnsmasq.put_servers, text)

    async def _ask_file_resolvers(self, config: Config, facts: Facts) -> None:
        """Ask them when that is due, and only while a line could stand in for them."""
        if not config.gateway.dns or not told_resolvers(config, facts):
            self._unanswered = 0
            return
        if time.monotonic() < self._ask_at:
            return
        before = self._unanswered
        answers = await any_answers(config.gateway.dns)
        self._unanswered = 0 if answers else before + 1
        pause_s = FILE_RESOLVERS_INTERVAL_S if answers else FILE_RESOLVERS_RECHECK_INTERVAL_S
        self._ask_at = time.monotonic() + pause_s
        servers = tuple(map(str, config.gateway.dns))
        if self._unanswered == SILENT_AFTER_QUESTIONS:
            lines = tuple(told_resolvers(config, facts))
            said = message(EventCode.RESOLVERS_SILENT, servers=servers, uplinks=lines)
            self._journal.log("trouble", said, subject="names")
        elif answers and before >= SILENT_AFTER_QUESTIONS:
            said = message(EventCode.RESOLVERS_BACK, servers=servers)
            self._journal.log("trouble", said, subject="names")
