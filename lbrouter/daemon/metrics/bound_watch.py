"""Watches the bounds on connections: who comes near one, who is at one, who is below it again."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from lbrouter.compile.firewall.connection_bounds import vlan_budget
from lbrouter.compile.report.bound_state import BoundClientStatus
from lbrouter.compile.report.bounds_reached import (
    NOTHING_REACHED,
    BoundsReached,
    ClientNames,
    bound_clients,
    client_messages,
    vlan_message,
)
from lbrouter.daemon.events.journal import Journal
from lbrouter.kernel.read.bound_sets import read_bounds_reached
from lbrouter.kernel.read.connection_table import read_connection_table_size
from lbrouter.model.config import Config, Vlan
from lbrouter.services.dnsmasq import Dnsmasq

BOUND_CHECK_INTERVAL_S: Final = 2.0

CLIENTS_PAUSE_S: Final = 5.0
"""Between two rounds of messages about clients of one VLAN: a device that changes its hardware
address for ever fills no timeline."""

NAMES_AGE_S: Final = 10.0
"""After this time the leases are read again, when there is something to tell."""

MAX_CLIENTS_IN_STATUS: Final = 20
"""Clients of one VLAN in `status`; `clients` marks all of them."""

BOUND_EVENT_KIND: Final = "bound"


class BoundWatch:
    """Reads the sets of the ruleset every other second. What it saw last is for `status`."""

    def __init__(self, journal: Journal, dnsmasq: Dnsmasq) -> None:
        self._journal = journal
        self._dnsmasq = dnsmasq
        self._reached: Mapping[str, BoundsReached] = {}
        self._told: dict[str, BoundsReached] = {}
        self._clients_told_at: dict[str, float] = {}
        self._names: ClientNames | None = None
        self._names_read_at = float("-inf")

    async def run(self, config: Callable[[], Config]) -> None:
        """Check for ever, each time with the file that is in force then."""
        while True:
            with suppress(OSError):  # no table yet, or the kernel is busy: the next time
                await self.check(config())
            await asyncio.sleep(BOUND_CHECK_INTERVAL_S)

    async def check(self, config: Config) -> None:
        """Read the sets now, and tell what is different. Raises OSError."""
        self._reached = read_bounds_reached()
        for vlan in config.vlans.values():
            now = self._reached.get(config.vlan_device(vlan), NOTHING_REACHED)
            if now != self._told.get(vlan.name, NOTHING_REACHED):
                await self._tell(config, vlan, now)

    async def _tell(self, config: Config, vlan: Vlan, now: BoundsReached) -> None:
        told = self._told.get(vlan.name, NOTHING_REACHED)
        if now.state != told.state:
            budget = vlan_budget(config, vlan, read_connection_table_size())
            said = vlan_message(vlan.name, now.state, budget=budget)
            self._journal.log(BOUND_EVENT_KIND, said, subject=vlan.name)
            told = replace(told, state=now.state)
        moment = time.monotonic()
        if moment - self._clients_told_at.get(vlan.name, float("-inf")) >= CLIENTS_PAUSE_S:
            for said in client_messages(vlan, now, told, await self._client_names(config)):
                self._journal.log(BOUND_EVENT_KIND, said, subject=vlan.name)
                self._clients_told_at[vlan.name] = moment
            told = now
        self._told[vlan.name] = told

    def vlan_status(self, config: Config, vlan: str) -> tuple[str | None, list[BoundClientStatus]]:
        """The keys `bound` and `bound_clients` of a VLAN in `status`."""
        found = self._reached.get(config.vlan_device(config.vlans[vlan]), NOTHING_REACHED)
        names = self._names or ClientNames(config, ())
        state = None if found.state is None else str(found.state)
        return state, bound_clients(found, names, limit=MAX_CLIENTS_IN_STATUS)

    async def _client_names(self, config: Config) -> ClientNames:
        age_s = time.monotonic() - self._names_read_at
        if self._names is None or age_s > NAMES_AGE_S:
            leases = await asyncio.to_thread(self._dnsmasq.current_leases)
            self._names, self._names_read_at = ClientNames(config, leases), time.monotonic()
        return self._names
