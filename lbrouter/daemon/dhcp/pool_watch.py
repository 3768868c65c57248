"""Watches the DHCP on the VLANs: pools that run out, and rogue servers."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from lbrouter.compile.dhcp import rogue_servers
from lbrouter.compile.dhcp.rogue_servers import RogueServerScan
from lbrouter.compile.services.dnsmasq_leases import pool_changes, pool_usage
from lbrouter.daemon.events.journal import Journal
from lbrouter.kernel.l2.dhcp_probe import discover_servers
from lbrouter.model.config import Config
from lbrouter.model.messages.phrase import phrase
from lbrouter.services.dnsmasq import Dnsmasq

POOL_CHECK_INTERVAL_S: Final = 5.0
ROGUE_SERVER_CHECK_INTERVAL_S: Final = 300.0
ROGUE_SERVER_RECHECK_INTERVAL_S: Final = 20.0
"""While a rogue server answers: a person who unplugs it wants to see soon that it is gone.
"""

ROGUE_SERVER_LISTEN_S: Final = 5.0
"""A server that tests the address before it offers is late: dnsmasq takes three seconds."""


class LanDhcpWatch:
    """Watches the DHCP pools and the rogue servers of the active configuration."""

    def __init__(self, journal: Journal, dnsmasq: Dnsmasq) -> None:
        self.rogue_servers = RogueServerScan()
        self._journal = journal
        self._dnsmasq = dnsmasq
        self._exhausted_pools: frozenset[str] = frozenset()
        self._rogue_checked_at = float("-inf")

    async def run(self, config: Callable[[], Config]) -> None:
        """Check for ever, each time with the file that is in force then."""
        while True:
            await asyncio.sleep(POOL_CHECK_INTERVAL_S)
            await self.check(config())

    async def check(self, config: Config) -> None:
        """Check the pools now, and look for rogue servers when that is due."""
        leases = await asyncio.to_thread(self._dnsmasq.current_leases)
        usage = pool_usage(config, leases, now=int(time.time()))
        changes = pool_changes(usage, self._exhausted_pools)
        for name, sentence in changes.messages.items():
            self._journal.log("dhcp", sentence, subject=name)
        self._exhausted_pools = changes.nearly_full
        pause_s = (
            ROGUE_SERVER_RECHECK_INTERVAL_S
            if self.rogue_servers.present
            else ROGUE_SERVER_CHECK_INTERVAL_S
        )
        if time.monotonic() - self._rogue_checked_at >= pause_s:
            self._rogue_checked_at = time.monotonic()
            vlans = rogue_servers.devices_to_query(config)
            offers = await asyncio.to_thread(discover_servers, vlans, seconds=ROGUE_SERVER_LISTEN_S)
            self.rogue_servers = rogue_servers.next_scan(self.rogue_servers, offers, vlans)
            for each in self.rogue_servers.appeared:
                said = phrase(
                    "another DHCP server answers: {server}; it offers {offered}",
                    server=str(each),
                    offered=each.offer.offered,
                )
                self._journal.log("dhcp", said, subject=each.vlan, mac=each.offer.mac)
            for each in self.rogue_servers.disappeared:
                said = phrase("the other DHCP server is silent: {server}", server=str(each))
                self._journal.log("dhcp", said, subject=each.vlan, mac=each.offer.mac)
