"""What the daemon knows of the uplinks: events in, `Health` out, and a line for each change."""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from lbrouter.compile import health
from lbrouter.compile.health import Brain
from lbrouter.compile.health.carrier_only import lack
from lbrouter.compile.health.probe_accounting import LEAST_RTO_S
from lbrouter.compile.routing.uplink_addressing import offers
from lbrouter.daemon.events.history import moment
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.reconcile.wakeup import Alarm
from lbrouter.model.config import Config
from lbrouter.model.events import Addressed, Carrier, Event, ProbeSent, Tick
from lbrouter.model.facts import Facts
from lbrouter.model.health import Health, Limit, UplinkState
from lbrouter.model.kernel_state import Family

WELL: Final = frozenset({UplinkState.UP, UplinkState.DRAINED})
"""States that are no incident: one is fine, the other somebody's wish."""

SENT_S: Final = LEAST_RTO_S
"""A probe that has left changes nothing before it can be overdue; its answer comes sooner."""


class Mind:
    """The brain of one configuration, with the events that wait for it.

    All times are seconds of the loop's clock (CLOCK_MONOTONIC).
    """

    def __init__(self, config: Config, journal: Journal, *, known: Health) -> None:
        self.config = config
        self.brain: Brain = health.begin(config, time.monotonic(), known)
        self.health: Health = health.health(self.brain, config)
        self.since: dict[str, str] = dict.fromkeys(config.uplinks, moment(precision="seconds"))
        self.incidents: dict[str, str] = {}
        self._stirred: dict[str, str] = {}
        if known.uplinks:  # else nothing is known yet that could go on or be over
            self._resume(journal)
        self.limits: Callable[[Config], Mapping[str, Limit]] = lambda _config: {}
        self.news = Alarm()
        """Set by each event; the loop puts its own in its place."""
        self._journal = journal
        self._events: deque[Event] = deque()

    def tell(self, event: Event) -> None:
        """Something happened. Never waits."""
        self._events.append(event)
        if isinstance(event, ProbeSent):
            self.news.soon(SENT_S)
        else:
            self.news.set()

    def think(self) -> bool:
        """Take in what has been told, and the time; whether the health has changed."""
        before, start = self.health, self.brain
        brain = start
        while self._events:
            brain = health.step(brain, self._events.popleft(), self.config)
        self.brain = health.step(brain, Tick(at=time.monotonic()), self.config)
        limits = self.limits(self.config)
        self.health = replace(health.health(self.brain, self.config), limits=limits)
        if health.same(before, self.health):
            return False
        self._stirred = {}
        for change in health.changes(start, self.brain):
            self._note(change)
        return True

    def incident_of(self, uplinks: Collection[str]) -> str:
        """The incident that moved flows from or to `uplinks`: of the latest changes, or open."""
        known = {**self.incidents, **self._stirred}
        return next((known[name] for name in uplinks if name in known), "")

    def judge(self, config: Config, facts: Facts) -> Health:
        """The health, after a look at the machine: carriers and addresses as they are."""
        assert config is self.config
        for event in seen(config, facts):
            self.tell(event)
        self.think()
        return self.health

    def wait_s(self) -> float | None:
        """Seconds until something changes by itself, None for never."""
        deadline = health.next_deadline(self.brain)
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    def become(self, config: Config) -> "Mind":
        """A mind for another configuration, which knows what this one knows of uplinks that stay.

        This one stays as it is, for the case that the other configuration is refused.
        """
        other = Mind(config, self._journal, known=Health())
        other.brain = health.renew(self.brain, config, time.monotonic())
        other.health = health.health(other.brain, config)
        other.limits = self.limits
        other.since |= {name: at for name, at in self.since.items() if name in other.since}
        other.incidents = {n: i for n, i in self.incidents.items() if n in config.uplinks}
        return other

    def _resume(self, journal: Journal) -> None:
        """A trouble that began under an earlier daemon goes on under its number, or is over."""
        for name, uplink in self.health.uplinks.items():
            last = journal.last("uplink", name)
            if last is None:
                continue
            before, after = last.more.get("after"), uplink.state
            if before == after:
                self.since[name] = last.at
            if last.incident and before not in WELL:
                self.incidents[name] = last.incident
            if name in self.incidents and after in WELL:
                text = f"{name} is {after} (was {before}) as the daemon begins"
                states = {"before": before, "after": str(after), "reason": uplink.reason}
                incident = self.incidents.pop(name)
                journal.say("uplink", text, subject=name, incident=incident, **states)

    def _note(self, change: health.Change) -> None:
        """A line for the timeline; a fault opens an incident, which its end closes."""
        name, state = change.uplink, change.after
        if change.before is not state:
            self.since[name] = moment(precision="seconds")
        if state not in WELL and name not in self.incidents:
            self.incidents[name] = self._journal.new_incident()
        self._stirred[name] = self.incidents.get(name, "")
        self._journal.say(
            "uplink",
            _sentence(change),
            subject=name,
            incident=self._stirred[name],
            before=str(change.before),
            after=str(state),
            reason=change.reason,
        )
        if state in WELL:
            self.incidents.pop(name, None)


def _sentence(change: health.Change) -> str:
    if change.before is not change.after:
        return f"{change.uplink} is {change.after} (was {change.before}): {change.reason}"
    gone, back = ", ".join(sorted(change.left)), ", ".join(sorted(change.returned))
    parts = [f"out of {gone}" if gone else "", f"back in {back}" if back else ""]
    return f"{change.uplink} is {' and '.join(filter(None, parts))}: {change.reason}"


def seen(config: Config, facts: Facts) -> Iterable[Event]:
    """Carrier and address of each uplink, as facts tell."""
    now = time.monotonic()
    for name, uplink in config.uplinks.items():
        found = facts.interfaces.get(uplink.interface)
        if found is None or found.up:  # one that is still down has no carrier to show
            yield Carrier(at=now, uplink=name, up=found is not None and found.carrier)
        ready = any(offers(uplink, family, facts) for family in Family)
        yield Addressed(at=now, uplink=name, ready=ready, reason=lack(uplink, facts))
