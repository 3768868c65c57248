"""The venue of an evening, and what is true of it: faults, drains, pins, the file, the daemon."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.kit.evening_config import LINES, VERSIONS, EveningConfig
from tests.kit.fault_steps import FaultVenue, set_loss, toggle_black_hole, toggle_cable

FAMILY_HOLE_RULESET = """
table inet family_hole {{
	chain in {{
		type filter hook prerouting priority -500
		icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
		meta nfproto ipv{version} drop
	}}
}}
"""

FAULT_MEMORY_S = 8.0
"""So long after a fault of a line its flows may still be moved: it was found, or is held back."""


class EveningError(AssertionError):
    """A command of the operator that must succeed did not."""


@dataclass(slots=True)
class EveningWorld(FaultVenue):
    """Faults are by line (a, b, c), whatever the file calls it now."""

    config: EveningConfig = field(default_factory=EveningConfig)
    holes: dict[str, int] = field(default_factory=dict)
    """Lines of which one family is dead, and which."""
    pins: dict[str, str] = field(default_factory=dict)
    """Policy to line."""
    limited: bool = False
    doing: str = ""
    """The edit that is being applied."""
    last_bad: dict[tuple[str, int], float] = field(default_factory=dict)
    """When a family of a line was last dead, absent or drained with its living flows."""

    def carries(self, line: str, version: int) -> bool:
        """Whether packets pass by it, both ways."""
        hole = self.holes.get(line) == version
        return self.config.has(line, version) and not self.injected[line].dead and not hole

    def usable(self, vlan: str, version: int) -> list[str]:
        """Lines by which new flows can pass, and may."""
        return [
            line
            for line in self.config.lines_of(vlan, version)
            if self.carries(line, version) and not self.injected[line].drained
        ]

    def is_lossy(self, lines: Iterable[str]) -> bool:
        """Whether any of `lines` loses packets at random."""
        return any(self.injected[line].loss for line in lines)

    def note_bad_lines(self) -> None:
        """Remember which lines are dead now: before and after each step."""
        now = time.monotonic()
        for line in LINES:
            for version in VERSIONS:
                if not self.carries(line, version):
                    self.last_bad[line, version] = now

    def was_bad_lately(self, line: str, version: int, at: float) -> bool:
        """Whether the line was dead within `FAULT_MEMORY_S` before `at`."""
        return at - self.last_bad.get((line, version), float("-inf")) < FAULT_MEMORY_S

    def lbrouter(self, *words: str, may_fail: bool = False) -> str:
        """Run a command of the operator. Raises EveningError when it fails."""
        done = self.venue.gateway.run_lbrouter(*words)
        if done.returncode and not may_fail:
            said = (done.stdout + done.stderr).strip().replace("\n", " ")
            raise EveningError(f"`lbrouter {' '.join(words)}` ended with {done.returncode}: {said}")
        return done.stdout

    def apply(self, *words: str) -> None:
        """Write the file as it is now, and apply it."""
        self.venue.gateway.config_path.write_text(self.config.text())
        self.lbrouter("apply", *words)

    def end_trial(self, verb: str) -> None:
        """`confirm` or `rollback`, where an apply waits: one that changed nothing does not."""
        if self.daemon.status()["pending_confirm_s"] is not None:
            self.lbrouter(verb)

    def toggle_hole(self, line: str, version: int) -> str:
        """One family of a line dies, or lives again."""
        isp = self.venue.isp(line)
        if self.holes.pop(line, None) is not None:
            isp.check_output(["nft", "delete table inet family_hole"])
            return f"{line}: both families pass again"
        isp.check_output(["nft", "-f", "-"], stdin=FAMILY_HOLE_RULESET.format(version=version))
        self.holes[line] = version
        return f"{line}: IPv{version} dead"

    def toggle_line_drain(self, line: str) -> str:
        """Drain a line, or give it back (and its pins)."""
        self.ensure_daemon()
        each, name = self.injected[line], self.config.names[line]
        if each.drained:
            return self.restore(line)
        self.lbrouter("uplink", "drain", name, *self._if_known("drain", "--yes"))
        each.drained = True
        return f"drain {name}"

    def restore(self, line: str) -> str:
        """Neither drained nor pinned to."""
        self.ensure_daemon()
        name = self.config.names[line]
        self.lbrouter("uplink", "restore", name)
        self.injected[line].drained = False
        self.pins = {policy: to for policy, to in self.pins.items() if to != line}
        return f"restore {name}"

    def pin(self, policy: str, line: str) -> str:
        """Pin a policy to a line."""
        self.ensure_daemon()
        name = self.config.names[line]
        self.lbrouter("uplink", "pin", policy, name, *self._if_known("pin", "--yes"))
        self.pins[policy] = line
        return f"pin {policy} {name}"

    def _if_known(self, verb: str, option: str) -> list[str]:
        """`option`, where the verb has it."""
        said = self.lbrouter("uplink", verb, "--help", may_fail=True)
        return [option] if option in said else []

    def heal_lines(self) -> None:
        """Undo all that was done to the lines."""
        for line in LINES:
            each = self.injected[line]
            if each.pulled:
                toggle_cable(self, line)
            if each.black_hole:
                toggle_black_hole(self, line)
            if each.loss:
                set_loss(self, line, 0)
            if line in self.holes:
                self.toggle_hole(line, 0)

    def undo_all(self) -> None:
        """Lines, the operator's words and the file are as at the beginning."""
        self.ensure_daemon()
        self.heal_lines()
        if self.config != EveningConfig():
            self.config = EveningConfig()
            self.apply()
        for line in LINES:
            self.restore(line)
        if self.limited:
            for vlan in ("desk", "stream"):
                self.lbrouter("limit", vlan, "off")
            self.limited = False
