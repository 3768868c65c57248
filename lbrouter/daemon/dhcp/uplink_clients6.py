"""The DHCPv6 clients of the daemon: a task for each uplink with `address6 = "dhcp"`."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import Any, Final

from lbrouter.compile.dhcp import dhcp6_client
from lbrouter.compile.dhcp.dhcp6_client import Dhcp6ClientState, StepResult6
from lbrouter.compile.dhcp.dhcp6_reasons import no_lease6_reason
from lbrouter.daemon.dhcp.lease6_store import Lease6Record, Lease6Store, overlaps_vlan
from lbrouter.daemon.dhcp.uplink_clients import DHCP_CLIENT_MAX_SLEEP_S, boottime_s
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.supervisor import run_forever
from lbrouter.kernel.l2.dhcp6_socket import Dhcp6Socket
from lbrouter.kernel.read.monitor import Notice, NoticeKind
from lbrouter.model.config import Config, Uplink
from lbrouter.model.messages.codes import AddressCode, EventCode
from lbrouter.model.messages.message import Message, message, told
from lbrouter.model.objects.lease6 import UplinkLease6

SOCKET_RETRY_S: Final = 1.0
"""A link-local address is there two seconds after the carrier: duplicates are looked for."""

SECURE_RANDOM: Final = random.SystemRandom()


def iaid_of(uplink: Uplink) -> int:
    """The number of the uplink's address at the server: always the same for the same place."""
    return int.from_bytes(sha256(uplink.place.encode()).digest()[:4])


class UplinkDhcp6Client:
    """One uplink's DHCPv6 client. `on_change` gets the lease record whenever it has changed."""

    def __init__(
        self,
        config: Config,
        uplink: Uplink,
        lease: UplinkLease6 | None,
        on_change: Callable[[Lease6Record], None],
    ) -> None:
        self.interface, self.mac = uplink.interface, uplink.mac
        self.config = config
        self._client = Dhcp6ClientState(lease=lease, iaid=iaid_of(uplink))
        self._on_change = on_change
        self._reported = Lease6Record(interface=self.interface, lease=lease)
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

    async def run(self) -> None:
        """Repeat: wait for a carrier, then run the client until the carrier is lost."""
        while True:
            if not self._has_carrier:
                await self._wait(())
                self._take(dhcp6_client.timer_expired(self._client, boottime_s(), 0))
                continue
            losses = self._carrier_losses
            try:
                async with Dhcp6Socket(self.interface, self._client.iaid) as opened:
                    begun = dhcp6_client.plugged(self._client, boottime_s(), opened.duid, _xid())
                    self._take(begun, opened)
                    while self._carrier_losses == losses:
                        self._take(await self._next(opened), opened)
            except OSError as error:
                self._report(
                    message(
                        AddressCode.DHCP6_NO_SOCKET,
                        interface=self.interface,
                        error=str(error.strerror),
                    )
                )
                await asyncio.sleep(SOCKET_RETRY_S)
            self._client = dhcp6_client.unplugged(self._client, boottime_s())

    async def _next(self, opened: Dhcp6Socket) -> StepResult6:
        """The client after the next message, or after a timer that may be due."""
        received = asyncio.ensure_future(opened.receive())
        await self._wait((received,))
        now = boottime_s()
        if received.done() and not received.cancelled():
            return dhcp6_client.received(
                self._client,
                received.result(),
                now,
                _xid(),
                lambda lease: not overlaps_vlan(self.config, lease),
            )
        return dhcp6_client.timer_expired(self._client, now, _xid())

    async def _wait(self, others: tuple[asyncio.Future[Any], ...]) -> None:
        """Until one of `others` is done, a wakeup, or a due timer; the rest is cancelled."""
        wait_s = min(max(0.0, self._client.next_event_at - boottime_s()), DHCP_CLIENT_MAX_SLEEP_S)
        awaited = (asyncio.ensure_future(self._wakeup.wait()), *others)
        try:
            await asyncio.wait(awaited, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in awaited:
                each.cancel()
        self._wakeup.clear()

    def _take(self, result: StepResult6, opened: Dhcp6Socket | None = None) -> None:
        self._client, sent = result
        if sent is not None and opened is not None:
            with suppress(OSError):  # counts as one without an answer
                opened.send(sent)
        self._report()

    def _report(self, error: Message | None = None) -> None:
        since = time.strftime(
            "%H:%M:%S UTC",
            time.gmtime(time.time() - (boottime_s() - self._client.search_started_at)),
        )
        why = error or no_lease6_reason(self._client, self.interface, since=since)
        lease = self._client.lease
        record = Lease6Record(interface=self.interface, lease=lease, lacks=None if lease else why)
        # The time since which it asks is rounded anew each time: the code alone is compared.
        same = (record.lease, record.lacks and record.lacks.code) == (
            self._reported.lease,
            self._reported.lacks and self._reported.lacks.code,
        )
        if not same:
            self._reported = record
            self._on_change(record)


class Dhcp6Clients:
    """The clients of all uplinks; `on_change` is called when the kernel has to follow a change."""

    def __init__(
        self, store: Lease6Store, journal: Journal, on_change: Callable[[], object]
    ) -> None:
        self._store, self._journal, self._on_change = store, journal, on_change
        self._carriers: dict[str, bool] = {}
        self._running: dict[str, tuple[UplinkDhcp6Client, asyncio.Task[None]]] = {}

    def configure(self, config: Config) -> None:
        """Run the clients of `config` from now on; those of unchanged uplinks go on."""
        wanted = {name: uplink for name, uplink in config.uplinks.items() if uplink.dhcp6}
        for name, (client, task) in tuple(self._running.items()):
            now = wanted.get(name)
            if now is None or (now.interface, now.mac) != (client.interface, client.mac):
                task.cancel()
                del self._running[name]
        leases = {name: self._store.usable_lease(config, name) for name in wanted}
        for name in self._store.records.keys() - wanted.keys():
            self._store.put(name, None)
        for name, uplink in wanted.items():
            if name not in self._running:
                self._running[name] = self._start_client(config, uplink, leases[name])
            self._running[name][0].config = config

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
        """The carrier was lost for a moment that the kernel may never announce."""
        for client, _ in self._running.values():
            if client.interface == interface:
                client.carrier_lost()

    def close(self) -> None:
        """End the clients. The leases stay, for the next daemon."""
        for _, task in self._running.values():
            task.cancel()
        self._running.clear()

    def _start_client(
        self, config: Config, uplink: Uplink, lease: UplinkLease6 | None
    ) -> tuple[UplinkDhcp6Client, asyncio.Task[None]]:
        name = uplink.name
        self._store.put(name, Lease6Record(interface=uplink.interface, lease=lease))
        client = UplinkDhcp6Client(config, uplink, lease, partial(self._on_record_changed, name))
        client.set_carrier(up=self._carriers.get(uplink.interface, False))
        report = partial(self._journal.log, "trouble")
        work = run_forever(f"the DHCPv6 client of {name}", client.run, report)
        return client, asyncio.create_task(work)

    def _on_record_changed(self, name: str, record: Lease6Record) -> None:
        before = self._store.records.get(name, Lease6Record(interface=record.interface)).lease
        self._store.put(name, record)
        address = None if before is None else before.address
        now = None if record.lease is None else record.lease.address
        if address != now:
            self._journal.log("lease", _lease_change(name, address, record), subject=name)
        self._on_change()


def _lease_change(name: str, before: object, record: Lease6Record) -> Message:
    """The change of a lease, for the timeline."""
    if record.lease is None:
        reason = record.lacks or told("")
        return message(
            EventCode.LEASE6_LOST, uplink=name, address_before=str(before), reason=reason
        )
    return message(EventCode.LEASE6_GRANTED, uplink=name, address=str(record.lease.address.ip))


def _xid() -> int:
    return SECURE_RANDOM.getrandbits(dhcp6_client.XID_BITS)
