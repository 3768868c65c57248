"""`HealthTracker`: events in, `GatewayHealth` out, and a line of the timeline for each change."""

import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from lbrouter.compile import health
from lbrouter.compile.health import HealthState
from lbrouter.compile.health.carrier_only import is_ready, no_nexthop_reason
from lbrouter.compile.health.family_targets import uplink_families
from lbrouter.compile.health.probe_accounting import MIN_RTO_S
from lbrouter.compile.routing.interface_choices import named_ports
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.events.timestamp import utc_timestamp
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
        before: "HealthTracker | None" = None,
    ) -> None:
        """`state` is what an earlier daemon remembered; without it the state begins at `known`.

        `before` is the tracker of the file before, which this one is going to take over from.
        """
        self.config = config
        self.state: HealthState = state or health.initial_state(config, time.monotonic(), known)
        self.health: GatewayHealth = health.current_health(self.state, config)
        now = utc_timestamp(precision="seconds")
        self.since: dict[str, str] = dict.fromkeys(config.uplinks, now)
        self.incidents: dict[str, str] = {}
        self._recent_incidents: dict[str, str] = {}
        if known.uplinks:  # else no incident is known yet that could go on or end
            self._resume_incidents(journal)
        self.wakeup: Wakeup = Wakeup() if before is None else before.wakeup
        """Set by each event; one for all trackers of a daemon."""
        self._journal = journal
        self._pending_events: deque[HealthEvent] = deque()
        self._before = before
        if before is not None:
            names = health.renamed_uplinks(before.state, config, time.monotonic())
            self._take_incidents(before, names)

    def put(self, event: HealthEvent) -> None:
        """Queue an event. Never waits."""
        self._pending_events.append(event)
        if isinstance(event, ProbeSent):
            self.wakeup.set_within(PROBE_SENT_MAX_DELAY_S)
        else:
            self.wakeup.set()

    def take_over(self) -> None:
        """Become the active one.

        Until now events went to the tracker of the file before, if there is one: an apply may take
        seconds, and a line that died meanwhile is dead by this file too. That no probe was sent for
        a moment is no silence of a line that lives.
        """
        before, self._before = self._before, None
        if before is not None:
            before.evaluate()
            self.state = health.succeed(before.state, self.state, time.monotonic())
            names = health.renamed_uplinks(before.state, self.config, time.monotonic())
            self._take_incidents(before, names)
        self.state = health.resumed(self.state, time.monotonic())
        self.health = health.current_health(self.state, self.config)

    def _take_incidents(self, before: "HealthTracker", names: Mapping[str, str]) -> None:
        """Go on with the incidents of the lines in `names`: their name before, and now."""
        self.since |= {names[n]: at for n, at in before.since.items() if n in names}
        new = {name: i for name, i in self.incidents.items() if name not in names.values()}
        self.incidents = new | {names[n]: i for n, i in before.incidents.items() if n in names}

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
        state = health.reconfigure(self.state, config, time.monotonic())
        return HealthTracker(config, self._journal, known=GatewayHealth(), state=state, before=self)

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
    now, named = time.monotonic(), named_ports(config)
    for name, uplink in config.uplinks.items():
        found = facts.interfaces.get(uplink.interface)
        if uplink.is_lane:  # its device is ours, and says nothing of the lines below
            yield CarrierChanged(at=now, uplink=name, up=True, present=True)
        elif found is None or found.up:  # one that is still down has no carrier to show
            up = found is not None and found.carrier
            # A cable that was pulled while the facts were read is told by the kernel meanwhile.
            at = facts.read_at or now
            yield CarrierChanged(at=at, uplink=name, up=up, present=found is not None)
        for family in uplink_families(uplink):
            yield AddressingChanged(
                at=now,
                uplink=name,
                ready=is_ready(uplink, facts, family),
                reason=no_nexthop_reason(uplink, facts, family, named=named),
                family=family,
            )
