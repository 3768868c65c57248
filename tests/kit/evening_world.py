"""The venue of an evening, and what is true of it: faults, drains, pins, the file, the daemon."""

import asyncio
import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lbrouter.daemon.control_socket import client
from tests.kit.evening_config import LINE_ADDRESSES, LINES, VERSIONS, VLANS, EveningConfig
from tests.kit.fault_steps import FaultVenue, set_loss, toggle_black_hole, toggle_cable
from tests.kit.wait import eventually

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


ANSWER_TIMEOUT_S = 60.0
"""Of the daemon, to a verb: an apply on a busy machine takes seconds."""


REPAIR_TIMEOUT_S = 9.0
"""A flushed ruleset is back within half a second; the machine may be busy. A daemon that was not
told finds it out only after ten."""


class EveningError(AssertionError):
    """A command of the operator that must succeed did not."""


@dataclass(slots=True)
class EveningWorld(FaultVenue):
    """Faults are by line (a, b, c), whatever the file calls it now."""

    config: EveningConfig = field(default_factory=EveningConfig)
    holes: dict[str, int] = field(default_factory=dict)
    """Lines of which one family is dead, and which."""
    away: set[str] = field(default_factory=set)
    """Lines whose interface has another name now."""
    pins: dict[str, str] = field(default_factory=dict)
    """Policy to line."""
    limited: set[str] = field(default_factory=set)
    """VLANs."""
    one_life: bool = False
    """The daemon must not be ended: its memory is measured."""
    doing: str = ""
    """The edit that is being applied."""
    last_bad: dict[tuple[str, int], float] = field(default_factory=dict)
    """When a family of a line was last dead, absent or drained with its living flows. After an
    outage as much later as it took: only then TCP tries again, and finds its translation gone."""
    _bad_since: dict[tuple[str, int], float] = field(default_factory=dict)

    def carries(self, line: str, version: int) -> bool:
        """Whether packets pass by it, both ways."""
        hole = self.holes.get(line) == version or line in self.away
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
        for key in itertools.product(LINES, VERSIONS):
            if not self.carries(*key):
                self._bad_since.setdefault(key, now)
                self.last_bad[key] = now
            elif key in self._bad_since:
                self.last_bad[key] = now + (now - self._bad_since.pop(key))

    def _note_bad(self, lines: Iterable[str], *, began: float | None = None) -> None:
        """Both families of these carried nothing from `began` until now."""
        now = time.monotonic()
        outage_s = 0.0 if began is None else now - began
        for key in itertools.product(lines, VERSIONS):
            self.last_bad[key] = now + outage_s

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

    def ask(self, verb: str, **more: Any) -> Any:
        """What the daemon answers to a verb, as the command asks it: that takes no processor.

        Raises LbrouterError where it refuses.
        """
        asked = {"verb": verb, **more}
        runtime_dir = self.venue.gateway.runtime_dir
        return asyncio.run(client.ask(runtime_dir, asked, timeout_s=ANSWER_TIMEOUT_S))

    def write_file(self) -> None:
        """Write the file as it is now."""
        self.venue.gateway.config_path.write_text(self.config.text())

    def apply(self, *words: str) -> None:
        """Write the file as it is now, and apply it."""
        self.write_file()
        self.lbrouter("apply", *words)

    def pending_s(self) -> Any:
        """The seconds that are left to confirm an apply; None where none waits."""
        return self.daemon.status()["pending_confirm_s"]

    def stop_daemon(self) -> None:
        """It ends, and what it set up stays."""
        self.ensure_daemon()
        self.daemon.stop()
        self.daemon_dead = True

    def take_down(self) -> None:
        """`down`, then the file again: in between no line carries anything."""
        self.stop_daemon()
        self.lbrouter("down")
        began = time.monotonic()
        self.apply()
        self._note_bad(LINES, began=began)

    def flush_ruleset(self) -> str:
        """Another program empties nftables: until it is repaired, nothing is translated."""
        self.ensure_daemon()
        began = time.monotonic()
        self.venue.gateway.check_output(["nft", "flush", "ruleset"])
        assert eventually(self._has_table, within_s=REPAIR_TIMEOUT_S), "nothing is repaired"
        self._note_bad(LINES, began=began)
        return "nft flush ruleset"

    def _has_table(self) -> bool:
        return self.venue.gateway.run(["nft", "list", "table", "inet", "lbrouter"]).returncode == 0

    def toggle_interface_name(self, line: str) -> str:
        """The interface gets another name, or its own back; it is down for that moment."""
        own = LINE_ADDRESSES[line][0]
        other = f"{own}-old"
        old, new = (other, own) if line in self.away else (own, other)
        for words in (f"{old} down", f"{old} name {new}", f"{new} up"):
            self.venue.gateway.check_output(["ip", "link", "set", *words.split()])
        self._note_bad([line])
        self.away ^= {line}
        return f"{old} is called {new}"

    def toggle_hole(self, line: str, version: int) -> str:
        """One family of a line dies, or lives again."""
        isp = self.venue.isp(line)
        if self.holes.pop(line, None) is not None:
            isp.check_output(["nft", "delete table inet family_hole"])
            return f"{line}: both families pass again"
        isp.check_output(["nft", "-f", "-"], stdin=FAMILY_HOLE_RULESET.format(version=version))
        self.holes[line] = version
        return f"{line}: IPv{version} dead"

    def toggle_line_drain(self, line: str, *, now: bool) -> str:
        """Drain a line, with its living flows or not, or give it back (and its pins)."""
        self.ensure_daemon()
        each, name = self.injected[line], self.config.names[line]
        if each.drained:
            return self.restore(line)
        self.ask("drain", uplink=name, yes=True, now=now)
        if now:
            self._note_bad([line])
        each.drained = True
        return f"drain {name}{' --now' if now else ''}"

    def restore(self, line: str) -> str:
        """Neither drained nor pinned to."""
        self.ensure_daemon()
        name = self.config.names[line]
        self.ask("restore", uplink=name)
        self.injected[line].drained = False
        self.pins = {policy: to for policy, to in self.pins.items() if to != line}
        return f"restore {name}"

    def pin(self, policy: str, line: str) -> str:
        """Pin a policy to a line."""
        self.ensure_daemon()
        name = self.config.names[line]
        self.ask("pin", policy=policy, uplink=name, yes=True)
        self.pins[policy] = line
        return f"pin {policy} {name}"

    def limit(self, vlan: str, mbit: int, *, for_s: int, directions: Sequence[str]) -> str:
        """A lower ceiling for a VLAN; 0 ends it."""
        self.ensure_daemon()
        self.limited.add(vlan)
        more = {"for_ms": for_s * 1000, "directions": list(directions)}
        said = self.ask("limit", vlan=vlan, rate=mbit * 1_000_000, yes=True, **more)
        return f"limit: {said['said']}"

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
            if line in self.away:
                self.toggle_interface_name(line)

    def undo_all(self) -> None:
        """Lines, the operator's words and the file are as at the beginning."""
        self.ensure_daemon()
        self.heal_lines()
        if self.config != EveningConfig():
            self.config = EveningConfig()
            self.write_file()
            self.ask("apply", config=self.config.text(), source="the file")
        for line in LINES:
            if self.injected[line].drained or line in self.pins.values():
                self.restore(line)
        for vlan in VLANS:
            if vlan in self.limited:
                self.limit(vlan, 0, for_s=0, directions=("upload", "download"))
        self.limited.clear()
        self.note_bad_lines()
