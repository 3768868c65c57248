"""What the control socket may ask for. Those who change something hold the writer."""

from collections.abc import Awaitable, Callable
from math import ceil
from typing import Any

from lbrouter.compile.config.partial_support import caveats
from lbrouter.compile.routing.lan_links import absent
from lbrouter.compile.state.foreign_qdiscs import Roots
from lbrouter.daemon.config_file import File, require_tools, understood
from lbrouter.daemon.control.documents import Change, change
from lbrouter.daemon.control.protocol import Document, number, words
from lbrouter.daemon.control.queries import View
from lbrouter.daemon.health.tracker import Mind
from lbrouter.daemon.overrides.temporary_limits import DIRECTIONS, Ceiling, line_rate, said_of
from lbrouter.daemon.reconcile.loop import Loop
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError, UsageError
from lbrouter.model.events import Event
from lbrouter.model.facts import Facts
from lbrouter.model.health import Health
from lbrouter.model.plan import Operation, Plan
from lbrouter.model.units import Duration, Rate
from lbrouter.services import secrets

Adopt = Callable[[File, Mind], Awaitable[None]]


class Orders:
    """Answers requests.

    `adopt` is called with each new file and mind, once they count; `end` when the daemon has no
    work any more.
    """

    def __init__(self, loop: Loop, view: View, *, adopt: Adopt, end: Callable[[], object]) -> None:
        self._loop = loop
        self._adopt = adopt
        self._end = end
        self._verbs: dict[str, Callable[[Document], Awaitable[Any]]] = {
            **view.verbs,
            "apply": self._apply,
            "confirm": self._confirm,
            "rollback": self._rollback,
            "drain": self._drain,
            "pin": self._pin,
            "restore": self._restore,
            "limit": self._limit,
        }

    async def answer(self, asked: Document) -> Any:
        """The result of a request. Raises LbrouterError."""
        verb = self._verbs.get(asked["verb"])
        if verb is None:
            raise UsageError(
                f"There is no verb {asked['verb']!r}.",
                remedy=f"There is: {', '.join(self._verbs)}.",
            )
        return await verb(asked)

    async def _apply(self, asked: Document) -> Any:
        text, source = words(asked, "config"), words(asked, "source", default="a file")
        file = understood(text.encode(), source=source)
        require_tools(file.config)
        secrets.require(file.config)
        within_ms = number(asked, "confirm_within_ms", default=0)
        within = Duration(within_ms) if within_ms else None
        roots = Roots.REPLACE if asked.get("take_over", False) is True else Roots.REFUSE
        async with self._loop.writer:
            changes = await self.apply(file, within=within, roots=roots)
        left = self._loop.trial.waiting.left()
        held = self._loop.rounds.last
        missing = {} if held is None else absent(file.config, held.found.facts)
        return {
            "changes": changes,
            "warnings": [*file.warnings, *missing.values(), *map(str, caveats(file.config))],
            "pending_confirm_s": None if left is None else ceil(left),
        }

    async def apply(
        self, file: File, *, within: Duration | None = None, roots: Roots = Roots.REFUSE
    ) -> list[Change]:
        """Make `file` the one that counts; what that changed. The caller holds the writer."""
        loop, machine = self._loop, self._loop.machine
        mind = loop.mind.become(file.config)
        found = await machine.look(file.config, judge=mind.judge)
        found = found.with_roots(file.config, roots)
        with Recording(loop) as changes:
            await loop.trial.apply(file, found, within=within)
        await self._adopt(file, mind)
        said = f"{file.source}: {len(changes)} changes"
        loop.journal.say("apply", f"{said}, on trial for {within}" if within else said)
        return changes

    async def _confirm(self, _asked: Document) -> Any:
        async with self._loop.writer:
            kept = self._loop.trial.confirm().source
        self._loop.journal.say("confirm", f"{kept} is kept")
        return {"kept": kept}

    async def _rollback(self, asked: Document) -> Any:
        async with self._loop.writer:
            record = self._loop.trial.waiting.read()
            if record is None or asked.get("id", record.id) != record.id:
                return {"undone": "", "changes": []}
            changes = await self.rollback(record.source, why="as asked")
        return {"undone": record.source, "changes": changes}

    async def rollback(self, source: str, *, why: str) -> list[Change]:
        """Undo what is on trial; the caller holds the writer.

        Where nothing stood before, the kernel is empty then, and the daemon has no work: it ends.
        """
        loop, minds = self._loop, [self._loop.mind]

        def judge(config: Config, facts: Facts) -> Health:
            minds.append(minds[0].become(config))
            return minds[-1].judge(config, facts)

        with Recording(loop) as changes:
            file = await loop.trial.rollback(judge=judge)
        loop.journal.say("rollback", f"{source} is undone, {why}: {len(changes)} changes")
        if file is None:
            loop.halt()
            self._end()
        else:
            await self._adopt(file, minds[-1])
        return changes

    async def _drain(self, asked: Document) -> Any:
        name = words(asked, "uplink")
        event = self._loop.wishes.drain(self._loop.file.config, name)
        return await self._wish(event, f"{name} is drained: no new flows")

    async def _pin(self, asked: Document) -> Any:
        policy, name = words(asked, "policy"), words(asked, "uplink")
        event = self._loop.wishes.pin(self._loop.file.config, policy, name)
        return await self._wish(event, f"{policy} is pinned to {name}")

    async def _restore(self, asked: Document) -> Any:
        name = words(asked, "uplink")
        event = self._loop.wishes.restore(self._loop.file.config, name)
        return await self._wish(event, f"{name} is back to automatic")

    async def _wish(self, event: Event, said: str) -> Any:
        """Done when this returns: the flows go where they should. Kept over a restart."""
        async with self._loop.writer:
            self._loop.mind.tell(event)
            await self._loop.turn()
        self._remember("wish", said)
        return {"said": said}

    def _remember(self, kind: str, said: str, *, subject: str = "") -> None:
        loop = self._loop
        loop.journal.say(kind, said, subject=subject)
        try:
            loop.wishes.save(loop.machine.store.directory)
        except LbrouterError as error:
            loop.journal.say("trouble", f"this will not be remembered over a restart: {error}")

    async def _limit(self, asked: Document) -> Any:
        """A VLAN's ceiling for a while: `rate` in bits per second, 0 for none but the file's."""
        loop, vlan = self._loop, words(asked, "vlan")
        ways = _directions(asked)
        rate, for_ms = number(asked, "rate", default=0), number(asked, "for_ms", default=0)
        config = loop.file.config
        async with loop.writer:
            if rate:
                within = Duration(for_ms) if for_ms else None
                ceiling = Ceiling.begin(line_rate(rate), within)
                loop.wishes.limit(config, vlan, ways, ceiling)
                said = said_of(config.vlans[vlan], ways, Rate(rate), within)
            else:
                had = loop.wishes.unlimit(config, vlan, ways)
                said = f"{vlan} is no longer limited" if had else f"{vlan} was not limited"
            await loop.turn()
        self._remember("limit", said, subject=vlan)
        return {"said": said, "limit": loop.wishes.limits.status(vlan)}

    def end_limits(self) -> None:
        """Those whose time is over; the loop follows at its next turn, which this brings about."""
        over = self._loop.wishes.limits.overdue()
        for vlan in over:
            said = f"the time of the limit is over: {vlan} is no longer limited"
            self._remember("limit", said, subject=vlan)
        if self._loop.wishes.limits.drained() or over:
            self._loop.mind.news.set()


class Recording:
    """Within the block what the machine carries out is kept, as documents."""

    def __init__(self, loop: Loop) -> None:
        self._machine = loop.machine
        self._before = loop.machine.tell
        self._changes: list[Change] = []

    def __enter__(self) -> list[Change]:
        self._machine.tell = self._teller
        return self._changes

    def __exit__(self, *_: object) -> None:
        self._machine.tell = self._before

    def _teller(self, _plan: Plan) -> Callable[[Operation], None]:
        return lambda operation: self._changes.append(change(operation))


def _directions(asked: Document) -> tuple[str, ...]:
    found = asked.get("directions", list(DIRECTIONS))
    if not isinstance(found, list) or not found or not all(each in DIRECTIONS for each in found):
        raise UsageError('"directions" is a list of "upload" and "download".')
    return tuple(each for each in DIRECTIONS if each in found)
