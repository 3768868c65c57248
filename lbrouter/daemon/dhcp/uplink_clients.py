"""The DHCP clients of the daemon, one part for each uplink that asks a server for its address."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from lbrouter.compile.dhcp.client_machine import dropped, step
from lbrouter.compile.dhcp.client_state import (
    Client,
    Dice,
    Due,
    Event,
    Heard,
    Plugged,
    Send,
    Unplugged,
)
from lbrouter.compile.dhcp.failure_reasons import lacks
from lbrouter.compile.dhcp.lease_validation import conflict
from lbrouter.daemon.dhcp.lease_store import LeaseBook, Page
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.supervisor import keep
from lbrouter.kernel.l2.dhcp_socket import DhcpSocket
from lbrouter.kernel.netlink.monitor import Notice, NoticeKind
from lbrouter.model.config import Addressing, Config
from lbrouter.model.lease import Lease

LOOK_S: Final = 30.0
"""Timers of the loop stand still while the machine is suspended; leases do not."""

AGAIN_S: Final = 5.0
CALM_S: Final = 1.0
DICE: Final = random.SystemRandom()


def now() -> float:
    """The clock of the leases: it goes on through a suspend, and nobody sets it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Tenant:
    """One uplink's client, for as long as its interface in the file stays the same.

    `tell` gets the page of the book, whenever it has changed.
    """

    def __init__(
        self, config: Config, interface: str, lease: Lease | None, tell: Callable[[Page], None]
    ) -> None:
        self.interface = interface
        self._config = config
        self._client = Client(lease=lease)
        self._tell = tell
        self._told = Page(interface=interface, lease=lease)
        self._told_at = float("-inf")
        self._since = (0.0, "")
        self._up = False
        self._breaks = 0
        self._news = asyncio.Event()

    def plug(self, *, up: bool) -> None:
        """The interface has a carrier, or not. A break counts, however short it was."""
        if self._up and not up:
            self.broke()
        self._up = up
        self._news.set()

    def broke(self) -> None:
        """The carrier was gone for a moment that the kernel may never announce."""
        self._breaks += 1
        self._news.set()

    def judge(self, config: Config) -> None:
        """This configuration counts from now on: a lease that it cannot bear is given up."""
        self._config = config
        lease = self._client.lease
        why = conflict(config, lease) if lease is not None else ""
        if why:
            self._client = dropped(self._client, now(), why)
            self._news.set()
            self._publish()

    async def work(self) -> None:
        """For ever: wait for a carrier, then talk until it is gone."""
        while True:
            if not self._up:
                await self._wait(())
                self._take(Due(at=now()))
                continue
            breaks = self._breaks
            try:
                async with DhcpSocket(self.interface) as opened:
                    self._take(Plugged(at=now(), hardware=opened.hardware), opened)
                    while self._breaks == breaks:
                        self._take(await self._next(opened), opened)
            except OSError as error:
                self._publish(f"DHCP cannot be spoken on {self.interface}: {error.strerror}")
                await asyncio.sleep(AGAIN_S)
            self._take(Unplugged(at=now()))

    async def _next(self, opened: DhcpSocket) -> Event:
        """What happens next: a message; or something may be due."""
        heard = asyncio.ensure_future(opened.receive())
        await self._wait((heard,))
        if heard.done() and not heard.cancelled():
            message, station = heard.result()
            return Heard(at=now(), message=message, station=station)
        return Due(at=now())

    async def _wait(self, others: tuple[asyncio.Future[Any], ...]) -> None:
        """Until one of `others` is done, there is news, or it is time; the rest is cancelled."""
        wait_s = min(max(0.0, self._client.due - now()), LOOK_S)
        awaited = (asyncio.ensure_future(self._news.wait()), *others)
        try:
            await asyncio.wait(awaited, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in awaited:
                each.cancel()
        self._news.clear()

    def _take(self, event: Event, opened: DhcpSocket | None = None) -> None:
        dice = Dice(xid=DICE.getrandbits(32), jitter=DICE.random())
        self._client, sends = step(self._client, event, dice, partial(conflict, self._config))
        for each in sends:
            _send(opened, each)
        self._publish()

    def _publish(self, trouble: str = "") -> None:
        """Tell what has changed; mere reasons once a second, however many a server gives us."""
        lease, sought = self._client.lease, self._client.sought_from
        if sought != self._since[0]:
            began = time.time() - (now() - sought)
            self._since = sought, time.strftime("%H:%M:%S UTC", time.gmtime(began))
        why = trouble or lacks(self._client, self.interface, since=self._since[1])
        page = Page(interface=self.interface, lease=lease, lacks="" if lease else why)
        calm = lease == self._told.lease and now() < self._told_at + CALM_S
        if page == self._told or calm:
            return
        self._told, self._told_at = page, now()
        self._tell(page)


class Leases:
    """The clients of all uplinks; `changed` is called when the kernel has something to follow."""

    def __init__(self, book: LeaseBook, journal: Journal, changed: Callable[[], object]) -> None:
        self._book = book
        self._changed = changed
        self._journal = journal
        self._carriers: dict[str, bool] = {}
        self._running: dict[str, tuple[Tenant, asyncio.Task[None]]] = {}

    def follow(self, config: Config) -> None:
        """Ask for the leases of `config` from now on; those that stay go on undisturbed."""
        wanted = {n: u for n, u in config.uplinks.items() if u.addressing is Addressing.DHCP}
        for name, (tenant, task) in tuple(self._running.items()):
            if name not in wanted or wanted[name].interface != tenant.interface:
                task.cancel()
                del self._running[name]
        for name in self._book.pages.keys() - wanted.keys():
            self._book.put(name, None)
        for name, uplink in wanted.items():
            if name not in self._running:
                self._running[name] = self._started(config, name, uplink.interface)
            self._running[name][0].judge(config)

    def notice(self, notice: Notice) -> None:
        """The kernel announced something: perhaps a carrier."""
        if notice.kind is not NoticeKind.LINK:
            return
        up = notice.exists and notice.carrier
        self._carriers[notice.interface] = up
        for tenant, _ in self._running.values():
            if tenant.interface == notice.interface:
                tenant.plug(up=up)

    def broke(self, interface: str) -> None:
        """The carrier of an interface was found to be gone."""
        for tenant, _ in self._running.values():
            if tenant.interface == interface:
                tenant.broke()

    def close(self) -> None:
        """End the clients. The leases stay, for the next daemon."""
        for _, task in self._running.values():
            task.cancel()
        self._running.clear()

    def _started(
        self, config: Config, name: str, interface: str
    ) -> tuple[Tenant, asyncio.Task[None]]:
        lease = self._book.usable(config, name)
        self._book.put(name, Page(interface=interface, lease=lease))
        tenant = Tenant(config, interface, lease, partial(self._told, name))
        tenant.plug(up=self._carriers.get(interface, False))
        say = partial(self._journal.say, "trouble")
        part = keep(f"the DHCP client of {name}", tenant.work, say)
        return tenant, asyncio.create_task(part)

    def _told(self, name: str, page: Page) -> None:
        before = self._book.pages.get(name, Page(interface=page.interface))
        self._book.put(name, page)
        if _what(before.lease) != _what(page.lease):
            self._journal.say("lease", _sentence(name, before.lease, page), subject=name)
        elif before.lacks == page.lacks:
            return  # renewed: nobody but the book need know
        self._changed()


def _sentence(name: str, old: Lease | None, page: Page) -> str:
    """What became of a lease, for the timeline."""
    had = f"{old.address} by {old.gateway}" if old is not None else ""
    if page.lease is None:
        return f"{name} lost its DHCP lease of {had}: {page.lacks}"
    lease = page.lease
    said = f"{name} has a DHCP lease of {lease.address} by {lease.gateway}, from {lease.server}"
    return f"{said} (before: {had})" if had else said


def _what(lease: Lease | None) -> tuple[object, ...] | None:
    return None if lease is None else lease.what


def _send(opened: DhcpSocket | None, send: Send) -> None:
    """A line that takes nothing now is a line without an answer: the client tries again anyway."""
    assert opened is not None
    with suppress(OSError):
        opened.send(
            send.message,
            source=send.source,
            destination=send.destination,
            station=send.station,
        )
