"""`HealthTracker`: events in, `GatewayHealth` out, and a line of the timeline for each change."""

import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from lbrouter.compile import health
from lbrouter.compile.health import HealthState
from lbrouter.compile.health.carrier_only import is_ready, no_nexthop_reason
from lbrouter.compile.health.family_targets import uplink_families
from lbrouter.compile.health.probe_accounting import MIN_RTO_S
from lbrouter.daemon.events.history import utc_timestamp
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.wakeup import Wakeup
from lbrouter.model.config import Config
from lbrouter.model.events import AddressingChanged, CarrierChanged, HealthEvent, ProbeSent, Tick
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import Message, MessageValue, message

NO_INCIDENT_STATES: Final = frozenset({UplinkState.UP, UplinkState.DRAINED, UplinkState.CHECKING})
"""States that are no incident: healthy, what an operator asked for, or not judged yet."""
RECOVERED_STATES: Final = NO_INCIDENT_STATES - {UplinkState.CHECKING}
"""States that end an incident: a line that is only being checked has not recovered."""

PROBE_SENT_MAX_DELAY_S: Final = MIN_RTO_S
"""A sent probe changes nothing before it can be overdue; its answer usually comes sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierTracker:
    """What a tracker leaves to the one of the next file: `since` and `incidents` by uplink."""

    wakeup: Wakeup
    since: Mapping[str, str] = field(default_factory=dict)
    incidents: Mapping[str, str] = field(default_factory=dict)


class HealthTracker:
    """The health state machine of one configuration, with the events that wait for it.

    All times are seconds of the loop's clock (CLOCK_MONOTONIC).
    """

    def __init__(
        self,
        config: Config,
        journal: Journal,
        *,
        known: GatewayHealth,
        state: HealthState | None = None,
        before: EarlierTracker | None = None,
    ) -> None:
        """`state` is what an earlier daemon remembered; without it the state begins at `known`.

        `before` is what the tracker of the file before knew of the uplinks that stay.
        """
        self.config = config
        self.state: HealthState = state or health.initial_state(config, time.monotonic(), known)
        self.health: GatewayHealth = health.current_health(self.state, config)
        earlier = before or EarlierTracker(wakeup=Wakeup())
        now = utc_timestamp(precision="seconds")
        self.since: dict[str, str] = {**dict.fromkeys(config.uplinks, now), **earlier.since}
        self.incidents: dict[str, str] = dict(earlier.incidents)
        self._recent_incidents: dict[str, str] = {}
        if known.uplinks:  # else no incident is known yet that could go on or end
            self._resume_incidents(journal)
        self.wakeup = earlier.wakeup
        """Set by each event; one for all trackers of a daemon."""
        self._journal = journal
        self._pending_events: deque[HealthEvent] = deque()

    def put(self, event: HealthEvent) -> None:
        """Queue an event. Never waits."""
        self._pending_events.append(event)
        if isinstance(event, ProbeSent):
            self.wakeup.set_within(PROBE_SENT_MAX_DELAY_S)
        else:
            self.wakeup.set()

    def take_over(self) -> None:
        """Become the active one: until now events went to the tracker of the file before."""
        self.state = health.resumed(self.state, time.monotonic())

    def evaluate(self) -> bool:
        """Process the queued events and the time; returns whether the health has changed."""
        before, start = self.health, self.state
        state = start
        while self._pending_events:
            state = health.step(state, self._pending_events.popleft(), self.config)
        self.state = health.step(state, Tick(at=time.monotonic()), self.config)
        self.health = health.current_health(self.state, self.config)
        if health.is_equivalent(before, self.health):
            return False
        self._recent_incidents = {}
        for change in health.uplink_changes(start, self.state):
            self._log_change(change)
        return True

    def incident_of(self, uplinks: Collection[str]) -> str:
        """The incident that moved flows from or to `uplinks`: of the latest changes, or open."""
        known = {**self.incidents, **self._recent_incidents}
        return next((known[name] for name in uplinks if name in known), "")

    def evaluate_facts(self, config: Config, facts: Facts) -> GatewayHealth:
        """The health, updated with the carriers and addresses of `facts`."""
        assert config is self.config
        for event in events_from_facts(config, facts):
            self.put(event)
        self.evaluate()
        return self.health

    def seconds_to_next_change(self) -> float | None:
        """Seconds until a timer changes the health, None for never."""
        deadline = health.next_deadline(self.state)
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    def with_config(self, config: Config) -> "HealthTracker":
        """A tracker for another configuration, with the state of the uplinks that stay.

        This one stays as it is, for the case that the other configuration is refused.
        """
        now = time.monotonic()
        names = health.renamed_uplinks(self.state, config, now)
        state = health.reconfigure(self.state, config, now)
        before = EarlierTracker(
            wakeup=self.wakeup,
            since={names[n]: at for n, at in self.since.items() if n in names},
            incidents={names[n]: i for n, i in self.incidents.items() if n in names},
        )
        return HealthTracker(
            config, self._journal, known=GatewayHealth(), state=state, before=before
        )

    def _resume_incidents(self, journal: Journal) -> None:
        """Continue an incident of an earlier daemon under its number, or end it."""
        for name, uplink in self.health.uplinks.items():
            last = journal.last_event("uplink", name)
            if last is None:
                continue
            before, after = last.more.get("after"), uplink.state
            if before == after:
                self.since[name] = last.at
            if last.incident and before not in RECOVERED_STATES:
                self.incidents[name] = last.incident
            if name in self.incidents and after in RECOVERED_STATES:
                states = {"before": str(before), "after": str(after)}
                said = message(EventCode.UPLINK_AT_START, uplink=name, **states)
                why = {"reason": uplink.reason, "reason_data": uplink.why.as_json()}
                incident = self.incidents.pop(name)
                journal.log("uplink", said, subject=name, incident=incident, **states, **why)

    def _log_change(self, change: health.UplinkChange) -> None:
        """Write a line of the timeline; a fault opens an incident, a recovery closes it.

        A family that fails alone is told as such: the uplink itself, the better family, goes on.
        """
        name, state = change.uplink, change.after
        if change.family is None:
            self._track_incident(change)
        self._recent_incidents[name] = self.incidents.get(name, "")
        more = {"family": f"ipv{change.family.version}"} if change.family is not None else {}
        self._journal.log(
            "uplink" if change.family is None else "family",
            _change_message(change),
            subject=name,
            incident=self._recent_incidents[name],
            before=str(change.before),
            after=str(state),
            reason=str(change.why),
            reason_data=change.why.as_json(),
            **more,
        )
        if change.family is None and state in RECOVERED_STATES:
            self.incidents.pop(name, None)

    def _track_incident(self, change: health.UplinkChange) -> None:
        name, state = change.uplink, change.after
        if change.before is not state:
            self.since[name] = utc_timestamp(precision="seconds")
        waits = state is UplinkState.WAITING and change.before is UplinkState.CHECKING
        if state not in NO_INCIDENT_STATES and not waits and name not in self.incidents:
            self.incidents[name] = self._journal.new_incident()


def _change_message(change: health.UplinkChange) -> Message:
    values: dict[str, MessageValue] = {"uplink": change.uplink, "reason": change.why}
    if change.family is not None:
        values["family"] = f"IPv{change.family.version}"
    if change.before is not change.after:
        states = {"before": str(change.before), "after": str(change.after)}
        return Message(code=EventCode.UPLINK_STATE, values={**values, **states})
    if change.left:
        values["left"] = tuple(sorted(change.left))
    if change.returned:
        values["returned"] = tuple(sorted(change.returned))
    return Message(code=EventCode.UPLINK_POLICIES, values=values)


def events_from_facts(config: Config, facts: Facts) -> Iterable[HealthEvent]:
    """Events with the carrier and the address of each uplink, from `facts`."""
    now = time.monotonic()
    for name, uplink in config.uplinks.items():
        found = facts.interfaces.get(uplink.interface)
        if uplink.is_lane:  # its device is ours, and says nothing of the lines below
            yield CarrierChanged(at=now, uplink=name, up=True, present=True)
        elif found is None or found.up:  # one that is still down has no carrier to show
            up = found is not None and found.carrier
            yield CarrierChanged(at=now, uplink=name, up=up, present=found is not None)
        for family in uplink_families(uplink):
            yield AddressingChanged(
                at=now,
                uplink=name,
                ready=is_ready(uplink, facts, family),
                reason=no_nexthop_reason(uplink, facts, family),
                family=family,
            )
