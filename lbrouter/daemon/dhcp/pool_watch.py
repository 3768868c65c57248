"""What may go wrong where addresses are given out: a pool that runs out, a second DHCP server."""

import asyncio
import time
from typing import Final

from lbrouter.compile.dhcp import rogue_servers
from lbrouter.compile.dhcp.rogue_servers import Round
from lbrouter.compile.services.dnsmasq_leases import pools, short
from lbrouter.daemon.events.journal import Journal
from lbrouter.kernel.l2.dhcp_probe import discover
from lbrouter.model.config import Config
from lbrouter.services.dnsmasq import Dnsmasq

LOOK_EVERY_S: Final = 5.0
ASK_EVERY_S: Final = 300.0
ASK_AGAIN_S: Final = 20.0
"""While somebody else answers: whoever looks for the cable wants to see that it was the right one.
"""

LISTEN_S: Final = 5.0
"""A server that looks whether the address is free offers late: dnsmasq after three seconds."""


class Leasing:
    """Looks after the pools and the strangers of whatever configuration counts."""

    def __init__(self, journal: Journal, dnsmasq: Dnsmasq) -> None:
        self.found = Round()
        self._journal = journal
        self._dnsmasq = dnsmasq
        self._short: frozenset[str] = frozenset()
        self._asked_at = float("-inf")

    async def look(self, config: Config) -> None:
        """One look at the pools; at the networks when it is time."""
        held = await asyncio.to_thread(self._dnsmasq.held)
        found = pools(config, held, now=int(time.time()))
        news = short(found, self._short)
        for name, sentence in news.sentences.items():
            self._journal.say("dhcp", sentence, subject=name)
        self._short = news.short
        pause_s = ASK_AGAIN_S if self.found.there else ASK_EVERY_S
        if time.monotonic() - self._asked_at >= pause_s:
            self._asked_at = time.monotonic()
            await self._ask(config)

    async def _ask(self, config: Config) -> None:
        vlans = rogue_servers.asked(config)
        offers = await asyncio.to_thread(discover, vlans, seconds=LISTEN_S)
        self.found = rogue_servers.answered(self.found, offers, vlans)
        for each in self.found.came:
            said = f"another DHCP server answers: {each}; it offers {each.offer.offered}"
            self._journal.say("dhcp", said, subject=each.vlan, mac=each.offer.mac)
        for each in self.found.went:
            said = f"the other DHCP server is silent: {each}"
            self._journal.say("dhcp", said, subject=each.vlan, mac=each.offer.mac)
