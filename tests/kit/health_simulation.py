"""Simulated lines for the brain: seeded randomness, simulated time, the prober's own loop."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from lbrouter.compile.health import Brain, begin, health, next_deadline, pace, step
from lbrouter.model.config import Config
from lbrouter.model.events import (
    Event,
    Failure,
    ProbeAnswered,
    ProbeLost,
    ProbeSent,
    Tick,
)
from lbrouter.model.health import Health, UplinkHealth, UplinkState
from tests.kit.builders import config_of

TARGETS = ("icmp://1.1.1.1", "icmp://8.8.8.8", "dns://9.9.9.9", "tcp://1.0.0.1:443")

SHOW = """
[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]
tolerate = { loss = "2%", latency = "150ms", jitter = "40ms" }
[policies.guests]
mode = "balance"
uplinks = ["fiber", "lte"]
"""
ONE = """
[gateway]
name = "lab"
[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
"""
TWO = (
    ONE
    + """
[uplinks.lte]
interface = "wan2"
address = "dhcp"
"""
)


def lab_config(*, text: str = TWO + SHOW, health: str = "") -> Config:
    return config_of(text.replace("[uplinks.fiber]", f"[health]\n{health}\n[uplinks.fiber]", 1))


@dataclass
class Way:
    """How a simulated line treats one probe at a moment: None loses it, else seconds back."""

    rng: Random
    each_way: float = 0.0
    rtt_s: float = 0.02
    jitter_s: float = 0.002
    dead: Callable[[float, str], bool] = lambda _at, _target: False
    delay: Callable[[float], float] = lambda _at: 0.0
    failure: Failure = Failure.SILENT
    """Told at once, unless it is silence."""

    def carry(self, at: float, target: str) -> float | None:
        if self.dead(at, target) or self.rng.random() < self.each_way:
            return None
        back = self.rtt_s + self.delay(at) + self.rng.uniform(0, self.jitter_s)
        lost = self.rng.random() < self.each_way
        return None if lost else back


@dataclass
class Lab:
    """A brain, its probers and its lines. `run` goes on until a moment."""

    config: Config
    ways: dict[str, Way]
    known: Health | None = None
    at: float = 0.0
    brain: Brain = field(init=False)
    heap: list[tuple[float, int, Event | str]] = field(default_factory=list)
    number: int = 0
    turns: dict[str, int] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)
    probes: int = 0

    def __post_init__(self) -> None:
        self.brain = begin(self.config, self.at, self.known)
        for index, name in enumerate(self.ways):
            self.put(self.at + 0.01 * (1 + index), name)

    def put(self, at: float, what: Event | str) -> None:
        """`what` happens at `at`: an event, or the next probe of the uplink of that name."""
        self.number += 1
        heapq.heappush(self.heap, (at, self.number, what))

    def feed(self, event: Event) -> None:
        self.brain = step(self.brain, event, self.config)
        for name, sent_at in self.sent.items():
            self.rearm(name, max(sent_at + pace(self.brain, name), event.at))

    def rearm(self, name: str, at: float) -> None:
        """The next probe of the uplink is due at `at`, unless it is due sooner."""
        if at < self.due[name]:
            self.due[name] = at
            self.put(at, name)

    def steps(self, until: float) -> Iterator[float]:
        """Runs, and yields the time after each event."""
        while self.heap and self.heap[0][0] <= until:
            due = next_deadline(self.brain)
            if due is not None and due < self.heap[0][0]:
                self.feed(Tick(at=due))
                yield due
                continue
            at, _, what = heapq.heappop(self.heap)
            if isinstance(what, str):
                if self.due.get(what, at) == at:
                    self.probe(at, what)
            else:
                self.feed(what)
            self.at = at
            yield at

    def probe(self, at: float, name: str) -> None:
        targets = self.brain.lines[name].settings.targets
        turn = self.turns[name] = self.turns.get(name, -1) + 1
        target = targets[turn % len(targets)]
        self.probes += 1
        back = self.ways[name].carry(at, target)
        if back is not None:
            self.put(at + back, ProbeAnswered(
                at=at + back, uplink=name, target=target, sent_at=at, rtt_s=back))  # fmt: skip
        elif self.ways[name].failure is not Failure.SILENT:
            self.put(at + 0.001, ProbeLost(
                at=at + 0.001, uplink=name, target=target, sent_at=at,
                reason=self.ways[name].failure))  # fmt: skip
        self.sent[name] = at
        self.due[name] = float("inf")
        self.feed(ProbeSent(at=at, uplink=name, target=target))

    def run(self, until: float) -> None:
        for _ in self.steps(until):
            pass

    def when(self, until: float, test: Callable[[Health], bool]) -> float | None:
        """The moment at which the health first passes `test`."""
        before = None
        for at in self.steps(until):
            if (now := self.gist) != before and test(self.health):
                return at
            before = now
        return None

    @property
    def gist(self) -> object:
        """What health depends on, but for its words: cheap, so that it can be asked each time."""
        return [
            (line.state, line.heard, line.suspect, line.trusted_at > self.brain.at, line.standings)
            for line in self.brain.lines.values()
        ]

    @property
    def health(self) -> Health:
        return health(self.brain, self.config)


def lab_of(
    *, seed: int = 1, config: Config | None = None, both: bool = False, **fiber: float
) -> Lab:
    """A line as asked for, beside one that is trusted to be fine, and probed only for `both`."""
    ways = {"fiber": Way(Random(seed), **fiber)}
    if both:
        ways["lte"] = Way(Random(seed + 10_000))
    config = config or lab_config()
    up = UplinkHealth(state=UplinkState.UP, reason="")
    return Lab(config, ways, Health(uplinks=dict.fromkeys(config.uplinks, up)))
