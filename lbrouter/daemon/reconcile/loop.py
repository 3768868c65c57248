"""The daemon: senses tell the mind, and when the mind has changed its mind the kernel follows.

One loop, one writer. Whoever changes the kernel (a round, an order from the socket) holds `writer`;
nobody else does. What fails is said, and starts again alone (`parts.keep`).
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lbrouter.compile.routing import lan_links
from lbrouter.daemon.applier import Machine
from lbrouter.daemon.config_file import File
from lbrouter.daemon.confirm.commit_confirm import Trial
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.health import snapshot
from lbrouter.daemon.health.tracker import Mind
from lbrouter.daemon.overrides.store import Wishes
from lbrouter.daemon.reconcile import drift_report, guarantee_changes
from lbrouter.daemon.reconcile.policy_changes import told
from lbrouter.daemon.reconcile.reconciler import Held, Outcome, Rounds
from lbrouter.daemon.reconcile.repair_limiter import Pace
from lbrouter.daemon.reconcile.wakeup import Alarm
from lbrouter.kernel.netlink.monitor import Notice, NoticeKind
from lbrouter.model.config import Uplink
from lbrouter.model.events import Addressed, Carrier, Event

CALM_S: Final = 10.0
"""A round after this time at the latest: not every setting announces that it was changed."""

AGAIN_S: Final = 1.0
"""After a round that failed."""

ROUND_S: Final = 45.0
"""No round of the largest file takes as long: an answer of the kernel was lost."""

NOTICES_KEPT: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the file and the directories are."""

    config: Path
    state_dir: Path
    runtime_dir: Path


class Loop:
    """The rounds, driven by events. `start` first; then `turn` again and again."""

    def __init__(self, machine: Machine, journal: Journal) -> None:
        self.machine = machine
        self.journal = journal
        self.trial = Trial(machine)
        self.rounds = Rounds(machine)
        self.wishes = Wishes.load(machine.store.directory)
        self.writer = asyncio.Lock()
        self.file: File
        self.mind: Mind
        self.due = 0.0
        self.turned_at = asyncio.get_running_loop().time()
        self.thought: Callable[[], None] = lambda: None
        """Called after each thought: the mind may want its probes sooner."""
        self._pace = Pace()
        self._notices: list[str] = []
        self._news = Alarm()
        self._short: guarantee_changes.Short = {}
        self._absent: Mapping[str, str] = {}
        self._halted = False
        self._failures = 0

    def halt(self) -> None:
        """No turn any more: the kernel is to stay as it is, until the daemon has ended."""
        self._halted = True

    def begin(self, file: File, mind: Mind) -> None:
        """This file and this mind count from now on."""
        self.file, self.mind = file, mind
        mind.news = self._news
        self.rounds.held = None
        self.hurry()

    def hurry(self) -> None:
        """A round at once."""
        self.due = 0.0
        self._news.set()

    def notice(self, notice: Notice) -> None:
        """The kernel announced something: what may be a carrier goes to the mind at once."""
        now = asyncio.get_running_loop().time()
        if notice.kind is NoticeKind.LINK:
            for uplink in self.mind.config.uplinks.values():
                addressed = self.mind.brain.lines[uplink.name].addressed
                for event in _felt(uplink, notice, now, addressed=addressed):
                    self.mind.tell(event)
        if notice.own:
            return
        self._notices = [*self._notices, notice.detail or str(notice.kind)][-NOTICES_KEPT:]
        due = self._pace.due(now)
        if due < self.due:
            self.due = due
            self._news.set()

    async def work(self) -> None:
        """For ever: wait for news, or for the time of the next round, and act."""
        while True:
            await self._rest()
            async with self.writer:
                await self.turn()

    async def _rest(self) -> None:
        """Until an event, or the next thing that is due by the clock."""
        now = asyncio.get_running_loop().time()
        waits = [self.due - now, self.mind.wait_s()]
        await self._news.wait(min(each for each in waits if each is not None))
        self._news.clear()

    async def turn(self) -> None:
        """Think; move the flows if the health has changed; a round when one is due."""
        self.turned_at = asyncio.get_running_loop().time()
        if self._halted:
            self.due = float("inf")
            return
        moved = self.mind.think()
        self.thought()
        if moved:
            await self.steer()
        if asyncio.get_running_loop().time() >= self.due:
            await self.round()

    async def steer(self) -> None:
        """New flows by the fit uplinks, from what the last round verified."""
        loop, before = asyncio.get_running_loop(), self.rounds.held
        begun, due, self.due = loop.time(), self.due, 0.0
        try:
            changed = await self.rounds.steer(self.mind.health)
        except Exception as error:  # noqa: BLE001  -- whatever it is, the round mends it
            self.journal.say("trouble", f"the short way was refused, a full round follows: {error}")
            return
        took_ms = round((loop.time() - begun) * 1000, 1)
        snapshot.save(self.machine.runtime_dir, self.mind.health)
        if changed is None:
            self.due = due
        elif before is not None:
            self._tell_moves(before, took_ms)
            await self._rescale()

    async def _rescale(self) -> None:
        """Guarantees for what is left, before the round that looks at everything."""
        begun = asyncio.get_running_loop().time()
        try:
            changed = await self.rounds.rescale()
        except Exception as error:  # noqa: BLE001  -- whatever it is, the round mends it
            self.journal.say("trouble", f"new rates were refused, a full round follows: {error}")
            return
        if changed:
            self._tell_promises()
            took_ms = round((asyncio.get_running_loop().time() - begun) * 1000, 1)
            self._tell_changes(len(changed), took_ms)

    def _tell_moves(self, before: Held, took_ms: float) -> None:
        assert self.rounds.held is not None
        for move in told(before, self.rounds.held):
            self.journal.say(
                "move",
                move.text,
                subject=move.policy,
                incident=self.mind.incident_of(set(move.old) ^ set(move.new)),
                took_ms=took_ms,
                **{"from": list(move.old), "to": list(move.new), "stayed": list(move.stayed)},
            )

    def _tell_promises(self) -> None:
        assert self.rounds.held is not None
        after = guarantee_changes.lacking(self.rounds.held)
        for vlan, text in guarantee_changes.told(self._short, after):
            self.journal.say("guarantee", text, subject=vlan)
        self._short = after

    def _tell_ports(self) -> None:
        """A trunk, or a port of a VLAN, went away or is there again."""
        assert self.rounds.held is not None
        after = lan_links.absent(self.file.config, self.rounds.held.found.facts)
        for port, text in lan_links.told(self._absent, after):
            self.journal.say("trouble", text, subject=port)
        self._absent = after

    async def round(self) -> None:
        """Observe, compare, put right. A failure is said, and tried again soon."""
        loop, before = asyncio.get_running_loop(), self.rounds.held
        begun, notices, self._notices = loop.time(), self._notices, []
        self.due = begun + CALM_S
        try:
            async with asyncio.timeout(ROUND_S):
                outcome = await self.rounds.round(self.file, self.mind.judge)
        except Exception as error:  # noqa: BLE001  -- no failure may end the failover
            await self._failed(error)
            return
        self._failures = 0
        ended = loop.time()
        self._pace.looked(begun=begun, ended=ended)
        snapshot.save(self.machine.runtime_dir, self.mind.health)
        self._tell_promises()
        self._tell_ports()
        self._tell(outcome, notices, before, took_ms=round((ended - begun) * 1000, 1))

    async def _failed(self, error: Exception) -> None:
        """Say it, try again soon; the second time with a new socket, for the old one may be it."""
        self.due = asyncio.get_running_loop().time() + AGAIN_S
        self._failures += 1
        said = str(error) or type(error).__name__
        self.journal.say("trouble", f"the kernel does not follow, next try soon: {said}")
        if self._failures > 1:
            await self.machine.reopen()

    def _tell(
        self, outcome: Outcome, notices: list[str], before: Held | None, *, took_ms: float
    ) -> None:
        count = len(outcome.changed)
        if outcome.repair:
            now = asyncio.get_running_loop().time()
            self._pace.repaired(now)
            if self._pace.strained(now):  # our own change was announced meanwhile
                self.due = max(self.due, self._pace.due(now))
            text = drift_report.found(outcome.changed, notices)
            self.journal.say("repair", text, changes=count, took_ms=took_ms)
        elif count:
            if before is not None:
                self._tell_moves(before, took_ms)
            self._tell_changes(count, took_ms)

    def _tell_changes(self, count: int, took_ms: float) -> None:
        self.journal.say("adjust", f"{count} {_plural(count)}", changes=count, took_ms=took_ms)


def _felt(uplink: Uplink, notice: Notice, now: float, *, addressed: bool) -> Iterator[Event]:
    """What a notice of a link means to an uplink: its carrier, or the end of its session.

    A session that is only being made has a device already, and ends nothing when it fails.
    """
    up = notice.exists and notice.carrier
    if notice.interface == uplink.interface:
        yield Carrier(at=now, uplink=uplink.name, up=up)
    elif notice.interface == uplink.device and addressed and not up:
        reason = f"the session on {uplink.interface} ended"
        yield Addressed(at=now, uplink=uplink.name, ready=False, reason=reason)


def _plural(count: int) -> str:
    return "change" if count == 1 else "changes"


async def serve(places: Places) -> int:
    """Run until SIGTERM or SIGINT. What stands in the kernel stays there."""
    from lbrouter.daemon.app import Service  # noqa: PLC0415  -- it knows all of the above

    return await Service(places).run()
