"""Random evenings: the operator's verbs x faults x families x restarts x edits of the file.

A seed defines an evening: the same seed draws the same steps. After each step it must hold, within
seconds: each policy with a usable line serves its new flows of TCP and UDP and its living ones, in
each family; and no living flow was cut, or changed its address, in vain. At the end the kernel
holds what it should, and lines that are healed are taken in again.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import LbrouterError
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.evening_config import EveningConfig
from tests.kit.evening_flows import EveningFlows, FlowEnd
from tests.kit.evening_steps import evening_step
from tests.kit.evening_world import EveningWorld
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.wait import eventually

STEP_TIMEOUT_S = 6.0
"""From a step to the moment when all is served: a second, and what a busy machine adds. A pin that
resets for ten seconds after an outage is longer."""

HEAL_TIMEOUT_S = 30.0
DAMPED_TIMEOUT_S = 4.0
"""A line that failed often returns ever later, by design; then its memory is deleted."""

HOLD_DOWN_TIMEOUT_S = 320.0
"""The longest that a line is held back after many faults."""

CALM_S = 0.8
VERIFY_TIMEOUT_S = 12.0
TIMELINE_LINES = 40

_PAUSE = threading.Event()
"""Never set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EveningResult:
    """One evening: its steps; `violation` is empty where all held. Memory and descriptors are the
    daemon's at the end, 0 after a violation; `damped`: its memory of faults was deleted; `timeline`
    is what the daemon told, after a violation.
    """

    seed: int
    steps: tuple[str, ...]
    violation: str
    memory_kb: int
    descriptors: int
    damped: bool
    timeline: tuple[str, ...] = ()


class Evenings:
    """A venue in which one evening after the other happens."""

    def __init__(self, world: EveningWorld, flows: EveningFlows) -> None:
        self.world = world
        self.flows = flows
        self.damped = False

    def run_evening(self, seed: int) -> EveningResult:
        """Run the steps until one breaks an invariant: then this venue is of no more use."""
        steps: list[str] = []
        self.damped = False
        try:
            violation = self._run_steps(random.Random(seed), steps) or self._heal()
        except (AssertionError, LbrouterError) as error:
            violation = str(error)
            steps.append(f"(the last edit: {self.world.doing})")
        memory_kb, descriptors = (0, 0) if violation else self._memory_and_descriptors()
        told = self.world.daemon.log_text().splitlines() if violation else []
        return EveningResult(
            seed=seed,
            steps=tuple(steps),
            violation=violation,
            memory_kb=memory_kb,
            descriptors=descriptors,
            damped=self.damped,
            timeline=tuple(told[-TIMELINE_LINES:]),
        )

    def _run_steps(self, rng: random.Random, steps: list[str]) -> str:
        for _ in range(rng.randrange(3, 8)):
            if wrong := self._run_step(rng, steps):
                return wrong
        return self._check_rest()

    def _memory_and_descriptors(self) -> tuple[int, int]:
        status = (self.world.daemon.proc_dir / "status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]), self.world.daemon.descriptor_count()

    def _run_step(self, rng: random.Random, steps: list[str]) -> str:
        """One step; what is wrong afterwards. A daemon that was killed may miss further steps."""
        world = self.world
        usable = self._usable()
        world.note_bad_lines()
        steps.append(evening_step(world, rng))
        world.note_bad_lines()
        pause, stays_dead = rng.uniform(0, 0.8), rng.random() < 0.5
        if world.daemon_dead and stays_dead:
            _PAUSE.wait(pause)
            return ""
        world.ensure_daemon()
        wrong = self._wait_until_served()
        world.note_bad_lines()
        return self._in_vain(usable) or wrong or self._watch_calm()

    def _usable(self) -> dict[tuple[str, int], list[str]]:
        return {
            (vlan, version): self.world.usable(vlan, version)
            for vlan in self.world.config.policy_of
            for version in (4, 6)
        }

    def _wait_until_served(self) -> str:
        began = time.monotonic()
        while True:
            _PAUSE.wait(0.2)
            self.flows.poll()
            wrong = self.flows.unserved(self.world, began)
            if not wrong:
                return ""
            if time.monotonic() - began > STEP_TIMEOUT_S:
                return f"after {STEP_TIMEOUT_S:.0f} s: {'; '.join(wrong)}; {self._states()}"

    def _watch_calm(self) -> str:
        """Nothing happens for a moment: then no flow fails."""
        began = time.monotonic()
        _PAUSE.wait(CALM_S)
        self.flows.poll()
        failures = "; ".join(self.flows.calm_failures(self.world, began))
        self.flows.forget()
        return failures

    def _in_vain(self, usable_before: dict[tuple[str, int], list[str]]) -> str:
        """Living flows that were cut though their line is fine, or with nowhere else to go."""
        usable_now = self._usable()
        status = self.world.daemon.status()["uplinks"]
        for end in self.flows.ends:
            key = (end.vlan, end.version)
            others = {*usable_before[key], *usable_now[key]} - {end.line}
            who = f"IN VAIN: {end.protocol} of {end.vlan} IPv{end.version} on {end.line}"
            if not self._line_was_lost(end, status):
                return f"{who} {end.why}, though the line is fine; {self._states()}"
            if end.why == "reset" and not others and self.world.config.has(end.line, end.version):
                return f"{who} {end.why}, though it has no other line; {self._states()}"
        return ""

    def _line_was_lost(self, end: FlowEnd, status: dict[str, dict[str, str]]) -> bool:
        """Whether the line was dead lately, or is held back after that, or left the file."""
        if self.world.was_bad_lately(end.line, end.version, end.at):
            return True
        name = self.world.config.names.get(end.line, "")
        return name not in status or status[name]["state"] in ("down", "waiting")

    def _states(self) -> str:
        found = self.world.daemon.status()["uplinks"]
        return "; ".join(f"{n}: {found[n]['state']}: {found[n]['reason']}" for n in found)

    def _check_rest(self) -> str:
        """Whether the kernel holds what it should once the steps are over."""
        self.world.ensure_daemon()
        return "" if eventually(self._is_verified, within_s=VERIFY_TIMEOUT_S) else self._plan_text()

    def _is_verified(self) -> bool:
        kernel = self.world.daemon.status().get("kernel")
        if kernel is not None:
            return bool(kernel["verified"])
        return self.world.venue.gateway.run_lbrouter("plan").returncode == 0

    def _plan_text(self) -> str:
        kernel = self.world.daemon.status().get("kernel")
        plan = self.world.lbrouter("plan", may_fail=True).strip()
        return f"the kernel differs from the configuration: {kernel or ''} {plan}"

    def _heal(self) -> str:
        """Undo everything; what is wrong when all lines should be up again."""
        self.world.undo_all()
        if not eventually(self._all_up, within_s=DAMPED_TIMEOUT_S) and not self.world.one_life:
            self.damped = True
            self.world.stop_daemon()
            (self.world.venue.gateway.runtime_dir / "health.json").unlink(missing_ok=True)
            self.world.ensure_daemon()
        limit_s = HOLD_DOWN_TIMEOUT_S if self.world.one_life else HEAL_TIMEOUT_S
        if not eventually(self._all_up, within_s=limit_s):
            return f"after healing: {self._states()}"
        wrong = self._wait_until_served()
        self.flows.forget()
        return f"after healing: {wrong}" if wrong else ""

    def _all_up(self) -> bool:
        """Degraded counts as up: the loss of the last half minute is still in the window."""
        uplinks = self.world.daemon.status()["uplinks"].values()
        return all(each["state"] in ("up", "degraded") for each in uplinks)


@contextmanager
def evenings(*, one_life: bool = False) -> Iterator[Evenings]:
    """A venue with a daemon and the flows of its clients.

    `one_life`: nothing ends the daemon from the first evening to the last.
    """
    config = parse(EveningConfig().text().encode(), source="evenings").config
    with Venue.build(config) as venue:
        venue.gateway.config_path.write_text(EveningConfig().text())
        with GatewayDaemon(venue.gateway) as daemon:
            world = EveningWorld(venue=venue, daemon=daemon, one_life=one_life)
            played = Evenings(world, EveningFlows(venue))
            assert eventually(played._all_up, within_s=HEAL_TIMEOUT_S), played._states()
            yield played
