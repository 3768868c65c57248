"""`Service`: the daemon put together, from the lock to the last line of its journal."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, Final

from lbrouter.compile import health
from lbrouter.compile.state import foreign_qdiscs
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.foreign_qdiscs import Roots
from lbrouter.daemon import memory, startup
from lbrouter.daemon.applier import Machine, holds_ours
from lbrouter.daemon.config_file import File, load, require_tools
from lbrouter.daemon.confirm.pending_commit import Moment
from lbrouter.daemon.control.commands import Orders
from lbrouter.daemon.control.queries import View
from lbrouter.daemon.control.server import ControlSocket
from lbrouter.daemon.dhcp.pool_watch import LOOK_EVERY_S, Leasing
from lbrouter.daemon.dhcp.router_solicitor import LOOK_S, Solicitor
from lbrouter.daemon.dhcp.uplink_clients import Leases
from lbrouter.daemon.events.alert_dispatcher import Messenger
from lbrouter.daemon.events.history import Sample, moment
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.health import snapshot
from lbrouter.daemon.health.passive_monitors import Senses
from lbrouter.daemon.health.tracker import Mind
from lbrouter.daemon.metrics.last_minute import Minute
from lbrouter.daemon.metrics.traffic import EVERY_S, Sampler
from lbrouter.daemon.reconcile.loop import Loop, Places
from lbrouter.daemon.supervisor import end, keep
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.netlink.monitor import Monitor
from lbrouter.kernel.probe import Probers
from lbrouter.kernel.storage.lock import hold
from lbrouter.kernel.systemd_notify import Notifier
from lbrouter.model.errors import Exit, LbrouterError, NotAppliedError
from lbrouter.model.events import Event
from lbrouter.model.managed_process import Service as Program
from lbrouter.model.plan import Operation

SAMPLE_EVERY_S: Final = 10.0
TRIAL_EVERY_S: Final = 0.5
PROGRAMS_EVERY_S: Final = 2.0
STUCK_S: Final = 60.0
"""Without a turn for this long the loop hangs, whatever else still moves. An apply of the largest
file takes a part of it."""

IDLE_HEARTBEAT_S: Final = 60.0


class Service:
    """One daemon in one network namespace."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._notifier = Notifier()
        self._sampler = Sampler()
        self._minute = Minute()
        self._ended = asyncio.Event()
        self._reload = asyncio.Event()
        self._code = Exit.DONE

    async def run(self) -> int:
        """Until a signal ends it. Raises LbrouterError where it cannot begin."""
        places = self._places
        with hold(places.runtime_dir):
            async with LinuxKernel() as kernel:
                journal = Journal(places.state_dir)
                try:
                    await self._serve(kernel, journal)
                finally:
                    journal.close()
        return self._code

    async def _serve(self, kernel: LinuxKernel, journal: Journal) -> None:
        places = self._places
        machine = Machine(kernel, state_dir=places.state_dir, runtime_dir=places.runtime_dir)
        self._journal, self._loop = journal, Loop(machine, journal)
        self._leasing = Leasing(journal, machine.dnsmasq)
        view = View(self._loop, self._sampler, self._minute, self._leasing)
        self._orders = Orders(self._loop, view, adopt=self._adopt, end=self._rolled_back)
        self._socket = ControlSocket(
            places.runtime_dir, answer=self._orders.answer, stream=view.stream
        )
        self._messenger = Messenger(journal, places.runtime_dir, lambda: self._loop.file.config)
        self._probers = Probers(self._tell)
        self._loop.thought = self._probers.hasten
        self._leases = Leases(machine.leases, journal, self._loop.hurry)
        self._senses = Senses(self._loop, broke=self._leases.broke)
        self._listen()
        await self._begin()
        memory.settle()
        parts = [asyncio.create_task(part) for part in self._parts()]
        self._notifier.ready(self._loop.file.config.gateway.name)
        try:
            await self._ended.wait()
        finally:
            self._notifier.stopping()
            await self._stop(parts)

    async def _begin(self) -> None:
        """The file, the mind, and the kernel as both of them say."""
        loop = self._loop
        file, on_trial = await startup.choose(loop.trial, self._places.config, self._journal)
        require_tools(file.config)
        mind = await startup.mind(loop.machine, file, self._journal)
        mind.limits = loop.wishes.limits.in_force
        for event in loop.wishes.events(file.config):
            mind.tell(event)
        loop.begin(file, mind)
        async with loop.writer:
            if on_trial:
                await self._adopt(file, mind)
            else:
                await self._apply(file, mind)

    async def _apply(self, file: File, mind: Mind) -> None:
        """At the start. Where all stands already a full disk, say, is no reason not to watch it."""
        found = await self._loop.machine.look(file.config)
        for sentence in found.in_the_way(file.config):
            said = f"{sentence} It stays, and nothing is shaped there: `lbrouter apply"
            self._journal.say("trouble", f"{said} {foreign_qdiscs.OPTION}` replaces it.")
        try:
            await self._orders.apply(file, roots=Roots.LEAVE)
        except NotAppliedError as error:
            found = await self._loop.machine.look(file.config)
            if not holds_ours(found.observed):
                raise
            self._journal.say("trouble", f"what stands is watched as it is: {error}")
            await self._adopt(file, mind)

    async def _adopt(self, file: File, mind: Mind) -> None:
        """From now on this file counts: look at everything once more, and probe its uplinks."""
        self._loop.begin(file, mind)
        await self._loop.round()
        self._leases.follow(file.config)
        numbers = allocate(file.config, self._loop.machine.store.allocation()).uplinks
        self._senses.follow(file.config, numbers)
        self._probers.follow(file.config, numbers, pace=self._pace)

    def _rolled_back(self) -> None:
        """Nothing stood before what was on trial: nothing is left to watch."""
        self._code = Exit.TRY_AGAIN
        self._ended.set()

    def _tell(self, event: Event) -> None:
        """To the mind that counts now, which a new file replaces."""
        self._loop.mind.tell(event)

    def _pace(self, uplink: str) -> float:
        return health.pace(self._loop.mind.brain, uplink)

    def _parts(self) -> Iterator[Coroutine[Any, Any, None]]:
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "the loop": self._loop.work,
            "the monitor": self._watch,
            "the control socket": self._socket.serve,
            "the carriers": self._senses.ask_carriers,
            "the sampler": self._sample,
            "the witness": self._senses.bear_witness,
            "the trial": self._try,
            "the limits": self._end_limits,
            "the programs": self._tend,
            "the solicitor": self._solicit,
            "the leases": self._look_after_leases,
            "the reload": self._reloads,
            "the watchdog": self._beat,
            **self._messenger.parts(),
        }
        for name, work in parts.items():
            yield keep(name, work, lambda text: self._journal.say("trouble", text))

    async def _watch(self) -> None:
        async with Monitor() as monitor:
            self._loop.hurry()  # nothing was heard until now
            async for notice in monitor:
                self._loop.notice(notice)
                self._leases.notice(notice)

    async def _sample(self) -> None:
        told_at = float("-inf")
        while True:
            self._sampler.sample()
            mind = self._loop.mind
            self._minute.look(mind)
            for event in self._sampler.queues(mind.config):
                if event.full is not mind.brain.lines[event.uplink].full:
                    mind.tell(event)
            if time.monotonic() - told_at >= SAMPLE_EVERY_S:
                told_at = time.monotonic()
                self._keep_samples()
            await asyncio.sleep(EVERY_S)

    def _keep_samples(self) -> None:
        mind, at = self._loop.mind, moment(precision="seconds")
        for name, uplink in mind.config.uplinks.items():
            readings = health.readings(mind.brain, name)
            traffic = self._sampler.traffic.get(uplink.device)
            self._journal.sample(
                Sample(
                    at=at,
                    uplink=name,
                    state=str(mind.health.uplinks[name].state),
                    rtt_ms=readings.rtt_ms,
                    jitter_ms=readings.jitter_ms,
                    loss_percent=readings.loss_percent,
                    upload_bps=traffic.sent_bps if traffic else 0,
                    download_bps=traffic.received_bps if traffic else 0,
                )
            )

    async def _try(self) -> None:
        """Undo what nobody confirmed in time."""
        while True:
            record = self._loop.trial.waiting.read()
            if record is not None and not record.left(Moment.now()):
                async with self._loop.writer:
                    if self._loop.trial.waiting.read() == record:
                        await self._orders.rollback(record.source, why="nobody confirmed it")
            await asyncio.sleep(TRIAL_EVERY_S)

    async def _end_limits(self) -> None:
        while True:
            await asyncio.sleep(TRIAL_EVERY_S)
            self._orders.end_limits()

    async def _look_after_leases(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._leasing.look(self._loop.file.config)

    async def _tend(self) -> None:
        """A program that died is started again; what keeps it from starting is said once."""
        trouble = ""
        while True:
            await asyncio.sleep(PROGRAMS_EVERY_S)
            try:
                async with self._loop.writer:
                    done = await self._loop.machine.serve(self._loop.file.config)
                for operation in done.operations:
                    self._journal.say("repair", f"{_program(operation)}: {operation.reason}")
                trouble = ""
            except LbrouterError as error:
                if str(error) != trouble:
                    self._journal.say("trouble", str(error))
                trouble = str(error)

    async def _solicit(self) -> None:
        solicitor = Solicitor()
        while True:
            solicitor.look(self._loop.rounds.last)
            await asyncio.sleep(LOOK_S)

    async def _reloads(self) -> None:
        """SIGHUP: the file anew. A wrong one changes nothing."""
        while True:
            await self._reload.wait()
            self._reload.clear()
            self._notifier.reloading()
            try:
                file = load(self._places.config)
                require_tools(file.config)
                async with self._loop.writer:
                    await self._orders.apply(file)
            except LbrouterError as error:
                self._journal.say("trouble", f"the file is not taken over: {error}")
            finally:
                self._notifier.ready(self._loop.file.config.gateway.name)

    async def _beat(self) -> None:
        """Signs of life, from the loop that does the work."""
        pause_s = self._notifier.heartbeat_s or IDLE_HEARTBEAT_S
        while True:
            if time.monotonic() - self._loop.turned_at < STUCK_S:
                self._notifier.alive()
            await asyncio.sleep(pause_s)

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)

    async def _stop(self, parts: list[asyncio.Task[None]]) -> None:
        """End the parts; a change that is half done is undone first (`transact` sees to it)."""
        self._probers.close()
        self._leases.close()
        await end(parts)
        snapshot.save(self._places.runtime_dir, self._loop.mind.health)
        self._journal.say("stop", "the daemon ends; what it set up stays")


def _program(operation: Operation) -> str:
    noun = operation.noun
    return noun.name if isinstance(noun, Program) else ""
