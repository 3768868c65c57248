"""Listens to router advertisements: on the uplinks' lines for what they offer, on the VLANs for
machines that have no business to send any.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final

from lbrouter.compile.ra.advertised_routers import (
    MAX_ROUTERS,
    AdvertisedRouters,
    current_routers,
    routers_after,
    with_silent_router,
)
from lbrouter.compile.ra.rogue_routers import (
    RogueRouter,
    RogueRouters,
    RogueRouterScan,
    mac_of_link_local,
    scan_after_advertisement,
    scan_after_silence,
)
from lbrouter.daemon.dhcp.advertised_reports import AdvertisedReports
from lbrouter.daemon.dhcp.advertised_store import AdvertisedStore
from lbrouter.daemon.events.journal import Journal
from lbrouter.kernel.l2.advertisement_socket import AdvertisementSocket, ReceivedAdvertisement
from lbrouter.kernel.neighbours.nexthop_neighbours import Nexthop, is_unanswered
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.kernel.read.own_addresses import own_addresses
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts
from lbrouter.model.lease import AdvertisedLine
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message

SILENT_ROUTER_CHECK_INTERVAL_S: Final = 2.0
ADVERTISEMENT_POLL_INTERVAL_S: Final = 0.25
"""What comes waits in the kernel meanwhile; of a flood, no more than a queue full is ever read."""


class AdvertisementListener:
    """The sockets: one for each line, one for all VLANs. `on_change`: the kernel has to follow."""

    def __init__(
        self, store: AdvertisedStore, journal: Journal, on_change: Callable[[], object]
    ) -> None:
        self.rogue_routers: RogueRouters = {}
        self._store = store
        self._journal = journal
        self._on_change = on_change
        self._lines: dict[str, tuple[int, AdvertisementSocket]] = {}
        self._vlans: AdvertisementSocket | None = None
        self._reports = AdvertisedReports(journal)
        self._unanswered: frozenset[Nexthop] = frozenset()
        self._next_check_at = float("-inf")

    async def run(self, config: Callable[[], Config], facts: Callable[[], Facts | None]) -> None:
        """Listen for ever, each time for the file that is in force then."""
        try:
            while True:
                self.listen(config())
                lines = (facts() or Facts()).advertised
                self._reports.tell(lines)
                self._leave_silent_routers(config(), lines)
                await asyncio.sleep(ADVERTISEMENT_POLL_INTERVAL_S)
        finally:
            self._close()

    def listen(self, config: Config) -> None:
        """Take in what has come. Raises OSError where raw sockets are not permitted."""
        indexes = {name: index for index, name in socket.if_nameindex()}
        wanted = {u.device: name for name, u in config.uplinks.items() if u.auto6}
        self._store.keep_only(frozenset(wanted))
        self._open_lines({device: indexes[device] for device in wanted if device in indexes})
        for device, (_, opened) in self._lines.items():
            self._take_in(wanted[device], device, opened.received())
        self._watch_vlans(config, indexes)

    def _open_lines(self, wanted: dict[str, int]) -> None:
        """A device that was made again has another index, and wants another socket."""
        for device, (index, opened) in tuple(self._lines.items()):
            if wanted.get(device) != index:
                opened.close()
                del self._lines[device]
        for device, index in wanted.items():
            if device not in self._lines:
                with suppress(OSError):  # it has gone meanwhile
                    self._lines[device] = (index, AdvertisementSocket(device))

    def _take_in(self, uplink: str, device: str, heard: Iterator[ReceivedAdvertisement]) -> None:
        at = BootTime.now().seconds
        before = self._store.devices.get(device, AdvertisedRouters())
        known = current_routers(before, at)
        for each in heard:
            known = routers_after(known, each.advertisement, source=each.source, at=at)
        if known == before:
            return
        self._store.put(device, known)
        if known.left_out and not before.left_out:
            values = {"count": str(MAX_ROUTERS), "interface": device, "uplink": uplink}
            self._journal.log("router", message(EventCode.ROUTERS_MANY, **values), subject=uplink)
        self._on_change()

    def _leave_silent_routers(self, config: Config, lines: Mapping[str, AdvertisedLine]) -> None:
        """Use another router where the one in use does not answer for itself, in two checks."""
        if time.monotonic() < self._next_check_at:
            return
        self._next_check_at = time.monotonic() + SILENT_ROUTER_CHECK_INTERVAL_S
        before, self._unanswered = self._unanswered, frozenset[Nexthop]()
        for name, line in lines.items():
            device = config.uplinks[name].device if name in config.uplinks else ""
            known = self._store.devices.get(device, AdvertisedRouters())
            if line.router is None or len(known.routers) < 2:
                continue
            used = (device, line.router)
            if is_unanswered(used):
                self._unanswered |= {used}
            if used in before & self._unanswered:
                at = BootTime.now().seconds
                self._store.put(device, with_silent_router(known, line.router, at=at))
                self._on_change()

    def _watch_vlans(self, config: Config, indexes: dict[str, int]) -> None:
        if self._vlans is None:
            self._vlans = AdvertisementSocket()
        vlans = {
            indexes[device]: vlan.name
            for vlan in config.vlans.values()
            if (device := config.vlan_device(vlan)) in indexes
        }
        at = BootTime.now().seconds
        on_vlans = [each for each in self._vlans.received() if each.index in vlans]
        own = own_addresses() if on_vlans else frozenset()  # dnsmasq is heard here, too
        for heard in on_vlans:
            if heard.source not in own:
                router = RogueRouter(
                    vlan=vlans[heard.index],
                    address=heard.source,
                    mac=heard.advertisement.mac or mac_of_link_local(heard.source),
                    heard_at=at,
                )
                self._follow_scan(
                    scan_after_advertisement(
                        self.rogue_routers,
                        router,
                        lifetime_s=heard.advertisement.lifetime_s,
                        prefixes=len(heard.advertisement.prefixes),
                    )
                )
        names = frozenset(config.vlans)
        self._follow_scan(scan_after_silence(self.rogue_routers, names, at=at))

    def _follow_scan(self, scan: RogueRouterScan) -> None:
        self.rogue_routers = scan.present
        found = (
            (EventCode.ROGUE_ROUTER, scan.appeared),
            (EventCode.ROGUE_ROUTER_GONE, scan.disappeared),
        )
        for code, routers in found:
            for router in routers:
                values = {"vlan": router.vlan, "address": str(router.address), "mac": router.mac}
                said = message(code, **values)
                self._journal.log("router", said, subject=router.vlan, mac=router.mac)

    def _close(self) -> None:
        for _, opened in self._lines.values():
            opened.close()
        self._lines.clear()
        if self._vlans is not None:
            self._vlans.close()
            self._vlans = None
