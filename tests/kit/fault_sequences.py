"""Random sequences of faults over three uplinks, and what must hold after each of them.

A seed defines a sequence: the same seed draws the same steps and the same pauses. One venue serves
all of them; between two, the lines are healed.
"""

import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.checks.context import PROMPT_REFUSALS
from lbrouter.rehearsal.lab.process import JsonRow
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.fault_steps import (
    THREE_UPLINKS,
    UPLINKS,
    WEIGHTS,
    FaultVenue,
    random_fault,
    toggle_cable,
)
from tests.kit.foreign_state import ForeignState
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.wait import eventually

SETTLE_TIMEOUT_S = 30.0
"""After ten repairs in half a minute the daemon waits five seconds before each further one."""

RETURN_TIMEOUT_S = 4.0
"""For lines to return before the daemon's memory of their faults is deleted."""

FLOW_COUNT = 40
FEW_FLOWS = 2
"""Where all are refused: a kernel sends one client six errors at once, then one each second."""

SHARE_TOLERANCE = 0.1
"""How far the share of an uplink in `FLOW_COUNT` flows may be from its weight."""

_PAUSE = threading.Event()
"""Never set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceResult:
    """One sequence: its steps, and the time until all held (None: never, `violation` says why).

    `memory_kb` and `descriptors` are the daemon's afterwards.
    """

    seed: int
    steps: tuple[str, ...]
    settled_s: float | None
    violation: str
    memory_kb: int
    descriptors: int


class FaultSequences:
    """A venue in which one sequence runs after the other."""

    def __init__(self, world: FaultVenue) -> None:
        self.world = world
        self.gateway = world.venue.gateway
        self.foreign_state = ForeignState(self.gateway)
        self.damped_count = 0

    def run_sequence(self, seed: int) -> SequenceResult:
        """Run the steps, then poll until all holds; the lines are healed afterwards in any case."""
        rng = random.Random(seed)
        steps = []
        for _ in range(rng.randrange(2, 6)):
            steps.append(random_fault(self.world, rng))
            _PAUSE.wait(rng.uniform(0, 0.8))
        self.world.ensure_daemon()
        began = time.monotonic()
        wrong = self._wait_until_consistent()
        settled = None if wrong else time.monotonic() - began
        healed = self._undo_faults_and_wait()
        wrong = wrong or (f"after healing: {healed}" if healed else "")
        return self._result(seed, steps, settled, wrong)

    def run_outages(self, rounds: int) -> Iterator[tuple[int, int]]:
        """Outages and repairs in one life of the daemon; its memory (kB), descriptors after each.

        The line that fails so often is not waited for: it returns ever later, by design.
        """
        for _ in range(rounds):
            toggle_cable(self.world, "a")
            self.gateway.run(["nft", "delete", "table", "inet", "lbrouter"])
            self._wait_until_repaired()
            yield self._memory_and_descriptors()

    def _wait_until_repaired(self) -> None:
        present = ["nft", "list", "table", "inet", "lbrouter"]
        pulled = self.world.injected["a"].pulled
        assert eventually(
            lambda: (
                self.gateway.run(present).returncode == 0
                and (not pulled or self.status()["uplinks"]["a"]["state"] == "down")
            ),
            within_s=SETTLE_TIMEOUT_S,
        )

    def _memory_and_descriptors(self) -> tuple[int, int]:
        status = (self.world.daemon.proc_dir / "status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]), self.world.daemon.descriptor_count()

    def _result(
        self, seed: int, steps: list[str], settled: float | None, violation: str
    ) -> SequenceResult:
        memory_kb, descriptors = self._memory_and_descriptors()
        return SequenceResult(
            seed=seed,
            steps=tuple(steps),
            settled_s=settled,
            violation=violation,
            memory_kb=memory_kb,
            descriptors=descriptors,
        )

    def _wait_until_consistent(self) -> str:
        """What is still wrong when the time is over; the empty string when all holds."""
        until = time.monotonic() + SETTLE_TIMEOUT_S
        while True:
            wrong = self._first_violation()
            if not wrong or time.monotonic() > until:
                return wrong
            _PAUSE.wait(0.1)

    def _first_violation(self) -> str:
        """The first invariant that does not hold right now."""
        status = self.status()
        for name, injected in self.world.injected.items():
            state = status["uplinks"][name]["state"]
            if injected.drained and not injected.pulled and state not in ("drained", "down"):
                return f"{name} is drained and shown as {state}"
            if injected.dead and not injected.drained and state != "down":
                return f"{name} is dead and shown as {state}"
        return self._flow_violation(status) or self.foreign_state.changes()

    def _flow_violation(self, status: Mapping[str, Any]) -> str:
        """New connections of both policies: they work, where they may, in the right shares."""
        timeout_ms = 12_000 if any(each.loss for each in self.world.injected.values()) else 2_500
        many = FLOW_COUNT if self.world.usable else FEW_FLOWS
        jobs = {
            policy: self.world.venue.client(vlan).start_traffic(
                "flows", count=count, timeout_ms=timeout_ms, concurrency=count
            )
            for policy, vlan, count in (("spread", "desk", many), ("show", "stream", FEW_FLOWS))
        }
        for policy, job in jobs.items():
            active = status["policies"][policy]["active"]
            if wrong := self._policy_violation(policy, active, job.result()):
                return f"{policy}: {wrong}"
        return ""

    def _policy_violation(self, policy: str, active: list[str], rows: list[JsonRow]) -> str:
        usable = self.world.usable
        errors = Counter(row["error"] for row in rows if row["error"])
        if not usable:
            # A line whose next hop answers is tried: what it swallows is not refused.
            prompt = bool(self.world.tried) or set(errors) <= PROMPT_REFUSALS
            all_fail = errors.total() == len(rows)
            wrong = f"nothing is usable, and flows end so: {dict(errors)}"
            return "" if prompt and all_fail else wrong
        if errors:
            return f"{usable} are usable, and flows fail: {dict(errors)} (active: {active})"
        counts = Counter(self.world.venue.uplink_of(row["seen"]) or "?" for row in rows)
        if strays := set(counts) - set(usable):
            return f"flows by {strays}, usable are {usable}"
        if self.world.healthy and not active:
            return f"{self.world.healthy} are healthy, and no uplink is active"
        return share_violation(active, counts) if policy == "spread" else ""

    def _undo_faults_and_wait(self) -> str:
        """Heal the lines and wait until all are up; what is wrong then.

        An uplink that has failed often returns ever later, by design. Only that may hold it back:
        a daemon without memory must use it at once.
        """
        self.world.undo_faults()
        if not eventually(self._all_up, within_s=RETURN_TIMEOUT_S):
            self.damped_count += 1
            self.world.daemon.stop()
            (self.gateway.runtime_dir / "health.json").unlink(missing_ok=True)
            self.world.daemon_dead = True
            self.world.ensure_daemon()
            if not eventually(self._all_up, within_s=SETTLE_TIMEOUT_S):
                return f"not all are up: {self._state_reasons()}"
        return self._wait_until_consistent()

    def _all_up(self) -> bool:
        """Degraded counts as up: the loss of the last half minute is still in the window."""
        uplinks = self.status()["uplinks"].values()
        return all(each["state"] in ("up", "degraded") for each in uplinks)

    def _state_reasons(self) -> str:
        found = self.status()["uplinks"]
        return "; ".join(f"{n}: {found[n]['state']}: {found[n]['reason']}" for n in UPLINKS)

    def status(self) -> Any:
        """The daemon's status, by its socket: a command would cost half a second each time."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
            opened.settimeout(20)
            opened.connect(str(self.gateway.runtime_dir / "control.sock"))
            opened.sendall(b'{"verb": "status"}\n')
            with opened.makefile("rb") as lines:
                return json.loads(lines.readline())["result"]


def share_violation(active: list[str], counts: Mapping[str, int]) -> str:
    """Whether flows are not spread over the active uplinks as their weights say."""
    total, flows = sum(WEIGHTS[name] for name in active), sum(counts.values())
    expected = {name: WEIGHTS[name] / total for name in active}
    seen = {name: counts.get(name, 0) / flows for name in UPLINKS}
    far = [name for name in UPLINKS if abs(seen[name] - expected.get(name, 0)) > SHARE_TOLERANCE]
    return f"shares {seen}, expected {expected}" if far else ""


@contextmanager
def fault_sequences() -> Iterator[FaultSequences]:
    """A venue with a daemon, three uplinks, and foreign objects in the gateway."""
    config = parse(THREE_UPLINKS.encode(), source="sequences").config
    with Venue.build(config) as venue, GatewayDaemon(venue.gateway) as daemon:
        sequences = FaultSequences(FaultVenue(venue, daemon))
        assert eventually(sequences._all_up, within_s=30), sequences._state_reasons()
        yield sequences
