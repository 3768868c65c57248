"""Lines with IPv4 and IPv6 for the health state machine: events of both families, in order."""

from collections.abc import Iterable
from random import Random

from lbrouter.compile.health import HealthState, current_health, initial_state, next_deadline, step
from lbrouter.model.config import Config
from lbrouter.model.events import HealthEvent, ProbeAnswered, ProbeSent, Tick
from lbrouter.model.health import FamilyHealth
from lbrouter.model.kernel_state import AddressFamily
from tests.kit.health_simulation import TWO_POLICIES, simulation_config

V4, V6 = AddressFamily.V4, AddressFamily.V6

DUAL_LINES = """
[gateway]
name = "lab"
[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
address6 = "2001:db8:1::2/64"
gateway6 = "2001:db8:1::1"
[uplinks.lte]
interface = "wan2"
address = "203.0.113.6/30"
gateway = "203.0.113.5"
address6 = "2001:db8:2::2/64"
gateway6 = "2001:db8:2::1"
"""
NAMED_TARGETS = 'targets = ["icmp://1.1.1.1", "icmp://8.8.8.8", "icmp://[2001:db8:9::9]"]'


def dual_config(*, health: str = NAMED_TARGETS, lines: str = DUAL_LINES) -> Config:
    return simulation_config(text=lines + TWO_POLICIES, health=health)


class DualStack:
    """Each line and family is probed each 50 ms; `dead` holds those that answer nothing."""

    def __init__(self, config: Config, *, dead: Iterable[tuple[str, AddressFamily]] = ()) -> None:
        self.config = config
        self.state: HealthState = initial_state(config, 0.0)
        self.dead = set(dead)
        self.loss = 0.0
        self.rtt_s = 0.01
        self._rng = Random(7)
        self._probes = 0
        self._coming: list[ProbeAnswered] = []

    def put(self, event: HealthEvent) -> None:
        self.state = step(self.state, event, self.config)

    def run(self, seconds: float) -> None:
        end = self.state.at + seconds
        while self.state.at < end - 1e-9:
            at = self.state.at + 0.05
            self._answer_until(at)
            self._probes += 1
            for (name, family), line in list(self.state.lines.items()):
                if line.settings.targets:
                    target = line.settings.targets[self._probes % len(line.settings.targets)]
                    self._probe(at, name, family, target)

    def _answer_until(self, at: float) -> None:
        due = next_deadline(self.state)
        if due is not None and due < at:
            self.put(Tick(at=due))
        for event in sorted(self._coming, key=lambda each: each.at):
            if event.at <= at:
                self.put(event)
        self._coming = [each for each in self._coming if each.at > at]
        self.put(Tick(at=at))

    def _probe(self, at: float, name: str, family: AddressFamily, target: str) -> None:
        which = {"uplink": name, "target": target, "family": family}
        self.put(ProbeSent(at=at, **which))
        if (name, family) not in self.dead and self._rng.random() >= self.loss:
            back = at + self.rtt_s
            self._coming.append(ProbeAnswered(at=back, sent_at=at, rtt_s=self.rtt_s, **which))

    def family(self, name: str, family: AddressFamily) -> FamilyHealth:
        return current_health(self.state, self.config).uplinks[name].of(family)
