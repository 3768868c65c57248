"""Simulated lines for the health state machine: seeded randomness, simulated time, probe times."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from lbrouter.compile.health import (
    HealthState,
    current_health,
    initial_state,
    next_deadline,
    probe_interval_s,
    step,
)
from lbrouter.compile.routing.balance import select_uplinks
from lbrouter.model.config import Config
from lbrouter.model.events import (
    HealthEvent,
    ProbeAnswered,
    ProbeFailure,
    ProbeLost,
    ProbeSent,
    Tick,
)
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.message import told
from tests.kit.builders import config_of, facts_of

TARGETS = ("icmp://1.1.1.1", "icmp://8.8.8.8", "dns://9.9.9.9", "tcp://1.0.0.1:443")

TWO_POLICIES = """
[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]
tolerate = { loss = "2%", latency = "150ms", jitter = "40ms" }
[policies.guests]
mode = "balance"
uplinks = ["fiber", "lte"]
"""
ONE_UPLINK = """
[gateway]
name = "lab"
[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
"""
TWO_UPLINKS = (
    ONE_UPLINK
    + """
[uplinks.lte]
interface = "wan2"
address = "dhcp"
"""
)


def simulation_config(*, text: str = TWO_UPLINKS + TWO_POLICIES, health: str = "") -> Config:
    return config_of(text.replace("[uplinks.fiber]", f"[health]\n{health}\n[uplinks.fiber]", 1))


@dataclass
class SimulatedPath:
    """How a simulated line treats one probe at a moment: None loses it, else seconds back."""

    rng: Random
    each_way: float = 0.0
    rtt_s: float = 0.02
    jitter_s: float = 0.002
    dead: Callable[[float, str], bool] = lambda _at, _target: False
    delay: Callable[[float], float] = lambda _at: 0.0
    failure: ProbeFailure = ProbeFailure.NO_ANSWER
    """Reported at once, unless it is silence."""

    def carry(self, at: float, target: str) -> float | None:
        if self.dead(at, target) or self.rng.random() < self.each_way:
            return None
        back = self.rtt_s + self.delay(at) + self.rng.uniform(0, self.jitter_s)
        lost = self.rng.random() < self.each_way
        return None if lost else back


@dataclass
class HealthSimulation:
    """The health state machine with its probers and lines. `run` goes on until a moment."""

    config: Config
    paths: dict[str, SimulatedPath]
    known: GatewayHealth | None = None
    at: float = 0.0
    state: HealthState = field(init=False)
    heap: list[tuple[float, int, HealthEvent | str]] = field(default_factory=list)
    scheduled_count: int = 0
    probe_counts: dict[str, int] = field(default_factory=dict)
    last_sent_at: dict[str, float] = field(default_factory=dict)
    next_probe_at: dict[str, float] = field(default_factory=dict)
    probes: int = 0

    def __post_init__(self) -> None:
        self.state = initial_state(self.config, self.at, self.known)
        for index, name in enumerate(self.paths):
            self.schedule(self.at + 0.01 * (1 + index), name)

    def schedule(self, at: float, what: HealthEvent | str) -> None:
        """`what` happens at `at`: an event, or the next probe of the uplink of that name."""
        self.scheduled_count += 1
        heapq.heappush(self.heap, (at, self.scheduled_count, what))

    def process(self, event: HealthEvent) -> None:
        self.state = step(self.state, event, self.config)
        for name, sent_at in self.last_sent_at.items():
            self.rearm(name, max(sent_at + probe_interval_s(self.state, name), event.at))

    def rearm(self, name: str, at: float) -> None:
        """The next probe of the uplink is due at `at`, unless it is due sooner."""
        if at < self.next_probe_at[name]:
            self.next_probe_at[name] = at
            self.schedule(at, name)

    def steps(self, until: float) -> Iterator[float]:
        """Runs, and yields the time after each event."""
        while self.heap and self.heap[0][0] <= until:
            due = self.next_tick()
            if due is not None and due < self.heap[0][0]:
                self.process(Tick(at=due))
                yield due
                continue
            at, _, what = heapq.heappop(self.heap)
            if isinstance(what, str):
                if self.next_probe_at.get(what, at) == at:
                    self.probe(at, what)
            else:
                self.process(what)
            self.at = at
            yield at

    def next_tick(self) -> float | None:
        """When time alone may change the health."""
        return next_deadline(self.state)

    def probe(self, at: float, name: str) -> None:
        targets = self.state.uplinks[name].settings.targets
        number = self.probe_counts[name] = self.probe_counts.get(name, -1) + 1
        target = targets[number % len(targets)]
        self.probes += 1
        back = self.paths[name].carry(at, target)
        if back is not None:
            self.schedule(at + back, ProbeAnswered(
                at=at + back, uplink=name, target=target, sent_at=at, rtt_s=back))  # fmt: skip
        elif self.paths[name].failure is not ProbeFailure.NO_ANSWER:
            self.schedule(at + 0.001, ProbeLost(
                at=at + 0.001, uplink=name, target=target, sent_at=at,
                reason=self.paths[name].failure))  # fmt: skip
        self.last_sent_at[name] = at
        self.next_probe_at[name] = float("inf")
        self.process(ProbeSent(at=at, uplink=name, target=target))

    def run(self, until: float) -> None:
        for _ in self.steps(until):
            pass

    def first_time_when(self, until: float, test: Callable[[GatewayHealth], bool]) -> float | None:
        """The moment at which the health first passes `test`."""
        before = None
        for at in self.steps(until):
            if (now := self.state_digest) != before and test(self.health):
                return at
            before = now
        return None

    @property
    def state_digest(self) -> object:
        """What health depends on, without its reasons: cheap enough to compare after each event."""
        return [
            (
                line.state,
                line.responding,
                line.suspect,
                line.suspect_until > self.state.at,
                line.policy_tolerance,
            )
            for line in self.state.uplinks.values()
        ]

    @property
    def health(self) -> GatewayHealth:
        return current_health(self.state, self.config)


def simulate(
    *, seed: int = 1, config: Config | None = None, both: bool = False, **fiber: float
) -> HealthSimulation:
    """A line as described, and a second one that counts as up and is probed only with `both`."""
    paths = {"fiber": SimulatedPath(Random(seed), **fiber)}
    if both:
        paths["lte"] = SimulatedPath(Random(seed + 10_000))
    config = config or simulation_config()
    up = UplinkHealth(state=UplinkState.UP, why=told(""))
    return HealthSimulation(config, paths, GatewayHealth(uplinks=dict.fromkeys(config.uplinks, up)))


WAITING, UP, DEGRADED, DOWN, DRAINED, CHECKING = UplinkState


def fiber_health(simulation: HealthSimulation) -> UplinkHealth:
    return simulation.health.uplinks["fiber"]


def run_events(
    simulation: HealthSimulation, *events: HealthEvent, until: float | None = None
) -> HealthSimulation:
    """The simulation after these events, with the probes that ran meanwhile."""
    for event in events:
        simulation.schedule(event.at, event)
    simulation.run(until if until is not None else max(event.at for event in events))
    return simulation


UP, DEGRADED, DOWN = UplinkState.UP, UplinkState.DEGRADED, UplinkState.DOWN


def state_history(
    simulation: HealthSimulation, until: float, name: str = "fiber"
) -> list[tuple[float, UplinkState, frozenset[str]]]:
    """Each change until then: its time, the uplink's new state, the policies that avoid it."""
    history, before = [], None
    for at in simulation.steps(until):
        if (now := simulation.state_digest) == before:
            continue
        before, known = now, simulation.health.uplinks[name]
        if not history or history[-1][1:] != (known.state, known.excluded_policies):
            history.append((at, known.state, known.excluded_policies))
    return history


def policy_switches(
    simulation: HealthSimulation, policy: str, until: float
) -> list[tuple[str, ...]]:
    """The uplinks that carry the policy's new flows, one after the other."""
    facts, chosen, before = facts_of(simulation.config), [], None
    for _ in simulation.steps(until):
        if (digest := simulation.state_digest) == before:
            continue
        before = digest
        shares = select_uplinks(
            simulation.config,
            simulation.config.policies[policy],
            simulation.health,
            AddressFamily.V4,
            facts,
        )
        now = tuple(share.uplink for share in shares)
        if not chosen or chosen[-1] != now:
            chosen.append(now)
    return chosen


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def static_config() -> Config:
    text = (
        ONE_UPLINK
        + ONE_UPLINK.split('"lab"')[1].replace("fiber", "lte").replace("wan1", "wan2")
        + TWO_POLICIES
    )
    return simulation_config(text=text)
