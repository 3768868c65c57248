"""The DHCP clients of the daemon: a task for each uplink that gets its address by DHCP."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from lbrouter.compile.dhcp.client_machine import drop_lease, step
from lbrouter.compile.dhcp.client_state import (
    NO_NAMES,
    CarrierDown,
    CarrierUp,
    DhcpClientNames,
    DhcpClientState,
    DhcpEvent,
    DhcpMessageReceived,
    DhcpTimerExpired,
    Randomness,
    client_names,
)
from lbrouter.compile.dhcp.failure_reasons import no_lease_reason
from lbrouter.compile.dhcp.lease_validation import held_vlans, lease_conflict
from lbrouter.daemon.dhcp.lease_store import LeaseRecord, LeaseStore
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.supervisor import run_forever
from lbrouter.kernel.l2.dhcp_socket import DhcpSocket
from lbrouter.kernel.read.monitor import Notice, NoticeKind
from lbrouter.model.config import Addressing, Config
from lbrouter.model.lease import UplinkLease
from lbrouter.model.messages.codes import AddressCode, EventCode
from lbrouter.model.messages.message import Message, message, told

DHCP_CLIENT_MAX_SLEEP_S: Final = 30.0
"""Timers of asyncio stop while the machine is suspended; leases go on."""

DHCP_SOCKET_RETRY_S: Final = 5.0
LEASE_REPORT_INTERVAL_S: Final = 1.0
SYSTEM_RANDOM: Final = random.SystemRandom()


def boottime_s() -> float:
    """The clock of the leases, CLOCK_BOOTTIME: it runs during a suspend, and cannot be set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class UplinkDhcpClient:
    """One uplink's DHCP client, for as long as its interface in the file stays the same.

    `on_change` gets the lease record whenever it has changed.
    """

    def __init__(
        self,
        config: Config,
        interface: str,
        lease: UplinkLease | None,
        on_change: Callable[[LeaseRecord], None],
        names: DhcpClientNames = NO_NAMES,
    ) -> None:
        self.interface, self.names = interface, names
        self.config = config
        self._client = DhcpClientState(lease=lease, names=names)
        self._on_change = on_change
        self._reported = LeaseRecord(interface=interface, lease=lease)
        self._reported_at = float("-inf")
        self._seeking_since = (0.0, "")
        self._has_carrier = False
        self._carrier_losses = 0
        self._wakeup = asyncio.Event()

    def set_carrier(self, *, up: bool) -> None:
        """The interface has a carrier, or not. A loss counts, even a short one."""
        if self._has_carrier and not up:
            self.carrier_lost()
        self._has_carrier = up
        self._wakeup.set()

    def carrier_lost(self) -> None:
        """The carrier was lost for a moment that the kernel may never announce."""
        self._carrier_losses += 1
        self._wakeup.set()

    def configure(self, config: Config) -> None:
        """Use this configuration from now on: a lease that conflicts with it is dropped."""
        self.config = config
        lease = self._client.lease
        why = lease_conflict(config, lease) if lease is not None else None
        if why:
            self._client = drop_lease(self._client, boottime_s(), why)
            self._wakeup.set()
            self._report_change()

    async def run(self) -> None:
        """Repeat: wait for a carrier, then run the client until the carrier is lost."""
        while True:
            if not self._has_carrier:
                await self._wait_any(())
                self._handle_event(DhcpTimerExpired(at=boottime_s()))
                continue
            breaks = self._carrier_losses
            try:
                async with DhcpSocket(self.interface) as opened:
                    self._handle_event(
                        CarrierUp(at=boottime_s(), hardware_address=opened.hardware), opened
                    )
                    while self._carrier_losses == breaks:
                        self._handle_event(await self._next_event(opened), opened)
            except OSError as error:
                said = str(error.strerror)
                self._report_change(
                    message(AddressCode.DHCP_NO_SOCKET, interface=self.interface, error=said)
                )
                await asyncio.sleep(DHCP_SOCKET_RETRY_S)
            self._handle_event(CarrierDown(at=boottime_s()))

    async def _next_event(self, opened: DhcpSocket) -> DhcpEvent:
        """The next event: a message, or a timer that may be due."""
        received = asyncio.ensure_future(opened.receive())
        await self._wait_any((received,))
        if received.done() and not received.cancelled():
            message, station = received.result()
            return DhcpMessageReceived(at=boottime_s(), message=message, station=station)
        return DhcpTimerExpired(at=boottime_s())

    async def _wait_any(self, others: tuple[asyncio.Future[Any], ...]) -> None:
        """Until one of `others` is done, a wakeup, or a due timer; the rest is cancelled."""
        wait_s = min(max(0.0, self._client.next_event_at - boottime_s()), DHCP_CLIENT_MAX_SLEEP_S)
        awaited = (asyncio.ensure_future(self._wakeup.wait()), *others)
        try:
            await asyncio.wait(awaited, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in awaited:
                each.cancel()
        self._wakeup.clear()

    def _handle_event(self, event: DhcpEvent, opened: DhcpSocket | None = None) -> None:
        randomness = Randomness(xid=SYSTEM_RANDOM.getrandbits(32), jitter=SYSTEM_RANDOM.random())
        self._client, sends = step(
            self._client, event, randomness, partial(lease_conflict, self.config)
        )
        for each in sends:
            # A message that cannot be sent counts as one without an answer: the
            # client tries again.
            assert opened is not None
            with suppress(OSError):
                opened.send(
                    each.message,
                    source=each.source,
                    destination=each.destination,
                    station=each.station,
                )
        self._report_change()

    def _report_change(self, error: Message | None = None) -> None:
        """Report a changed record; a change of the reason alone once a second at most."""
        lease, search_started_at = self._client.lease, self._client.search_started_at
        if search_started_at != self._seeking_since[0]:
            began = time.time() - (boottime_s() - search_started_at)
            self._seeking_since = (
                search_started_at,
                time.strftime("%H:%M:%S UTC", time.gmtime(began)),
            )
        why = error or no_lease_reason(self._client, self.interface, since=self._seeking_since[1])
        record = LeaseRecord(interface=self.interface, lease=lease, lacks=None if lease else why)
        too_soon = (
            lease == self._reported.lease
            and boottime_s() < self._reported_at + LEASE_REPORT_INTERVAL_S
        )
        if record == self._reported or too_soon:
            return
        self._reported, self._reported_at = record, boottime_s()
        self._on_change(record)


class DhcpClients:
    """The clients of all uplinks; `on_change` is called when the kernel has to follow a change."""

    def __init__(
        self, store: LeaseStore, journal: Journal, on_change: Callable[[], object]
    ) -> None:
        self._store = store
        self._on_change = on_change
        self._journal = journal
        self._carriers: dict[str, bool] = {}
        self._running: dict[str, tuple[UplinkDhcpClient, asyncio.Task[None]]] = {}

    def configure(self, config: Config) -> None:
        """Run the clients of `config` from now on; those of unchanged uplinks go on."""
        wanted = {n: u for n, u in config.uplinks.items() if u.addressing is Addressing.DHCP}
        for name, (client, task) in tuple(self._running.items()):
            spoken = (client.interface, client.names)
            if name not in wanted or (wanted[name].interface, client_names(wanted[name])) != spoken:
                task.cancel()
                del self._running[name]
        leases = {name: self._store.usable_lease(config, name) for name in wanted}
        for name in self._store.records.keys() - wanted.keys():
            self._store.put(name, None)
        for name, uplink in wanted.items():
            if name not in self._running:
                lease = leases[name]
                self._store.put(name, LeaseRecord(interface=uplink.interface, lease=lease))
                client = UplinkDhcpClient(
                    config,
                    uplink.interface,
                    lease,
                    partial(self._on_record_changed, name),
                    client_names(uplink),
                )
                client.set_carrier(up=self._carriers.get(uplink.interface, False))
                report = partial(self._journal.log, "trouble")
                work = run_forever(f"the DHCP client of {name}", client.run, report)
                self._running[name] = client, asyncio.create_task(work)
            self._running[name][0].configure(config)

    def handle_notice(self, notice: Notice) -> None:
        """Handle an announcement of the kernel: perhaps a carrier."""
        if notice.kind is not NoticeKind.LINK:
            return
        up = notice.exists and notice.carrier
        self._carriers[notice.interface] = up
        for client, _ in self._running.values():
            if client.interface == notice.interface:
                client.set_carrier(up=up)

    def carrier_lost(self, interface: str) -> None:
        """The carrier of an interface was found to be lost."""
        for client, _ in self._running.values():
            if client.interface == interface:
                client.carrier_lost()

    def close(self) -> None:
        """End the clients. The leases stay, for the next daemon."""
        for _, task in self._running.values():
            task.cancel()
        self._running.clear()

    def _on_record_changed(self, name: str, record: LeaseRecord) -> None:
        before = self._store.records.get(name, LeaseRecord(interface=record.interface))
        self._store.put(name, record)
        if _lease_terms(before.lease) != _lease_terms(record.lease):
            self._journal.log("lease", _lease_change(name, before.lease, record), subject=name)
            self._tell_held_vlans(name, record.lease)
        elif before.lacks == record.lacks:
            return  # renewed: only the lease store changes
        self._on_change()

    def _tell_held_vlans(self, name: str, lease: UplinkLease | None) -> None:
        """A wide subnet has VLANs of ours in it: what the line has there is not reached."""
        running = self._running.get(name)
        vlans = held_vlans(running[0].config, lease) if running and lease is not None else ()
        if lease is not None and vlans:
            subnet = str(lease.address.network)
            said = message(EventCode.LEASE_HOLDS_VLANS, uplink=name, subnet=subnet, vlans=vlans)
            self._journal.log("lease", said, subject=name)


def _lease_change(name: str, old: UplinkLease | None, record: LeaseRecord) -> Message:
    """The change of a lease, for the timeline."""
    before = {} if old is None else _lease_values(old, "_before")
    if record.lease is None:
        reason = record.lacks or told("")
        return message(EventCode.LEASE_LOST, uplink=name, **before, reason=reason)
    server = str(record.lease.server)
    now = _lease_values(record.lease, "")
    return message(EventCode.LEASE_GRANTED, uplink=name, **now, server=server, **before)


def _lease_values(lease: UplinkLease, when: str) -> dict[str, str]:
    return {f"address{when}": str(lease.address), f"gateway{when}": str(lease.gateway)}


def _lease_terms(lease: UplinkLease | None) -> tuple[object, ...] | None:
    return None if lease is None else lease.kernel_fields
