"""The flows of an evening's clients, and whether each of them is served as it should be."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.evening_config import VERSIONS, VLANS
from tests.kit.evening_world import EveningWorld

EVENING_PROGRAM = Path(__file__).with_name("evening_program.py")

LIVING_SILENCE_S = 1.5
"""A living flow that is served has an answer each 0.1 s; the machine may be busy."""

TCP_BACK_OFF_S = 2.5
"""After an outage of this length TCP tries again only after as long: its client's matter."""

NEW_FLOWS_TO_JUDGE = 2
PROMPT_WORDS = frozenset({"prohibited", "unreachable", "refused", "reset"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFlow:
    """A new flow that is over: by which line it went, or why it failed."""

    vlan: str
    version: int
    protocol: str
    began: float
    line: str | None
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEnd:
    """A living flow that was cut (TCP) or changed its address (UDP), and where it had been."""

    vlan: str
    version: int
    protocol: str
    at: float
    line: str
    why: str


class EveningFlows:
    """Living and new flows of TCP and UDP, from each VLAN, in each family."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.jobs = {}
        for vlan in VLANS:
            client = venue.client(vlan)
            request = [
                {
                    "family": version,
                    "to": str(next(a for a in client.server_addresses if a.version == version)),
                    "port": ECHO_SERVER_PORT,
                    "source": str(client.layout.ip_addresses(version)[0]),
                }
                for version in VERSIONS
            ]
            argv = [sys.executable, "-I", "-S", str(EVENING_PROGRAM), json.dumps(request)]
            self.jobs[vlan] = client.start(argv)
            self.jobs[vlan].read_json()
        self.new: list[NewFlow] = []
        self.ends: list[FlowEnd] = []
        self.living: dict[tuple[str, int, str], tuple[str, float]] = {}

    def poll(self) -> None:
        """Take what the clients have seen since the last call."""
        for vlan, job in self.jobs.items():
            said = job.ask("report")
            assert not said["broken"], said["broken"]
            for version in VERSIONS:
                self._take(vlan, version, said[str(version)])

    def _take(self, vlan: str, version: int, said: dict[str, Any]) -> None:
        for protocol, began, _, seen, error in said["new"]:
            line = self.venue.uplink_of(seen)
            flow = NewFlow(vlan=vlan, version=version, protocol=protocol, began=began,
                           line=line, error=error)  # fmt: skip
            self.new.append(flow)
        cut = [(at, seen, "tcp", why) for at, seen, why in said["ended"]]
        moved = [(at, old, "udp", "moved") for at, old, _ in said["moved"]]
        for at, seen, protocol, why in cut + moved:
            line = self.venue.uplink_of(seen) or seen
            end = FlowEnd(vlan=vlan, version=version, protocol=protocol, at=at, line=line, why=why)
            self.ends.append(end)
        for protocol in ("tcp", "udp"):
            seen, last = said[protocol]
            self.living[vlan, version, protocol] = (self.venue.uplink_of(seen) or "", last)

    def forget(self) -> None:
        """Begin a new list of new flows and of ends."""
        self.new, self.ends = [], []

    def unserved(self, world: EveningWorld, since: float) -> list[str]:
        """Who is not served as it should be now, in words; only what began after `since`."""
        return [
            wrong
            for vlan in VLANS
            for version in VERSIONS
            for wrong in self._unserved_of(world, vlan, version, since)
        ]

    def _unserved_of(
        self, world: EveningWorld, vlan: str, version: int, since: float
    ) -> Iterator[str]:
        usable, who = world.usable(vlan, version), f"{vlan} IPv{version}"
        if not usable:
            return
        for protocol in ("tcp", "udp"):
            flows = [
                each
                for each in self.new
                if (each.vlan, each.version, each.protocol) == (vlan, version, protocol)
                and each.began > since
            ][-NEW_FLOWS_TO_JUDGE:]
            if len(flows) < NEW_FLOWS_TO_JUDGE:
                yield f"{who}: new {protocol}: too few are over (usable: {usable})"
            elif wrong := _wrong_flows(world, usable, flows):
                yield f"{who}: new {protocol}: {wrong} (usable: {usable})"
            line, last = self.living[vlan, version, protocol]
            backed_off = protocol == "tcp" and since - last > TCP_BACK_OFF_S
            silent = time.monotonic() - last > LIVING_SILENCE_S and not backed_off
            if silent and not world.is_lossy(usable):
                where = f"on {line}" if line else "not open"
                yield f"{who}: living {protocol} stands still, {where} (usable: {usable})"

    def calm_failures(self, world: EveningWorld, since: float) -> list[str]:
        """New flows that failed though nothing happened since `since`, in words."""
        found = Counter(
            f"{each.vlan} IPv{each.version}: new {each.protocol}: {wrong} (usable: {usable})"
            for each in self.new
            if each.began > since
            and (usable := world.usable(each.vlan, each.version))
            and (wrong := _wrong_flows(world, usable, [each]))
        )
        return [f"{text}, {count} times while nothing happened" for text, count in found.items()]


def _wrong_flows(world: EveningWorld, usable: list[str], flows: list[NewFlow]) -> str:
    """What is wrong with these new flows, where `usable` lines could carry them."""
    for each in flows:
        if each.error == "silent" and world.is_lossy(usable):
            continue
        if each.error:
            return each.error
        if each.line not in usable:
            return f"by {each.line}"
    return ""
