"""A fault that has begun, and the policies that are under observation meanwhile."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from lbrouter.rehearsal.analysis.expected import TrafficPath
from lbrouter.rehearsal.lab.daemon_process import DaemonProcess
from lbrouter.rehearsal.lab.faults import Expectation, ExpectedReaction, Fault
from lbrouter.rehearsal.lab.isp import Isp
from lbrouter.rehearsal.lab.process import LabProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyObservation:
    """One policy in one family under observation: the program that plays its flows.

    `promise` is None where the policy does not know the uplink; `uses` says whether new flows went
    by it before the fault; with `sticky` only new clients show that an uplink is used again.
    """

    path: TrafficPath
    process: LabProcess
    expectation: Expectation | None
    sticky: bool
    used_uplink: bool = False

    @property
    def label(self) -> str:
        """As a row calls it."""
        return f"{self.path.policy}, IPv{self.path.version}"

    @property
    def must_return(self) -> bool:
        """Whether its new flows must be by the uplink again after the fault."""
        return self.used_uplink and self.expectation is not None and self.expectation.returns

    def expects(self, reaction: ExpectedReaction) -> bool:
        """Whether the policy has something of the uplink, and must do this about the fault."""
        return (
            self.used_uplink
            and self.expectation is not None
            and self.expectation.reaction is reaction
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRun:
    """A fault that has begun: what, when, who watches."""

    isp: Isp
    fault: Fault
    began_at: float
    observations: list[PolicyObservation]
    daemon: DaemonProcess

    @property
    def uplink(self) -> str:
        """Whose line it is."""
        return self.isp.initial_line.name

    def event_times(self) -> Iterator[float]:
        """When the daemon said something of the uplink since."""
        heard = self.daemon.events_since(self.began_at)
        return (at for at, event in heard if event["subject"] == self.uplink)

    def detected_at(self) -> float | None:
        """When it was noticed first: the first word, or that the new lease is in use (now)."""
        if self.fault is Fault.LEASE:
            return time.monotonic() if self.new_lease_in_use() else None
        return next(self.event_times(), None)

    def new_lease_in_use(self) -> bool:
        """Whether the daemon uses the address that is leased now."""
        found = self.daemon.status()["uplinks"][self.uplink]["address"]
        return bool(found == str(self.isp.line.ipv4.address))
