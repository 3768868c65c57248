"""A fault that has begun, and the policies that are under observation."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from lbrouter.rehearsal.analysis.expected import TrafficPath
from lbrouter.rehearsal.lab.daemon_process import DaemonProcess
from lbrouter.rehearsal.lab.faults import Expectation, ExpectedReaction, Fault
from lbrouter.rehearsal.lab.isp import Isp
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.relay_host import RelayHost


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyObservation:
    """One policy in one family under observation: the program that sends its flows.

    `expectation` is None if the policy does not list the uplink; `used_uplink` says whether new
    flows went by it before the fault; with `sticky` only new clients show its return.
    """

    path: TrafficPath
    process: LabProcess
    expectation: Expectation | None
    sticky: bool
    used_uplink: bool = False

    @property
    def label(self) -> str:
        """The name in a row."""
        return f"{self.path.policy}, IPv{self.path.version}"

    @property
    def must_return(self) -> bool:
        """Whether its new flows must use the uplink again after the fault."""
        return self.used_uplink and self.expectation is not None and self.expectation.returns

    def expects(self, reaction: ExpectedReaction) -> bool:
        """Whether the policy used the uplink, and must react to the fault in this way."""
        return (
            self.used_uplink
            and self.expectation is not None
            and self.expectation.reaction is reaction
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRun:
    """A fault that has begun: the provider or relay that has it, the fault, the time, the
    observations, the daemon.
    """

    host: Isp | RelayHost
    fault: Fault
    began_at: float
    observations: list[PolicyObservation]
    daemon: DaemonProcess

    @property
    def uplink(self) -> str:
        """The uplink that has the fault."""
        return self.host.uplink

    def event_times(self) -> Iterator[float]:
        """The times of the daemon's events about the uplink since the fault."""
        events = self.daemon.events_since(self.began_at)
        return (at for at, event in events if event["subject"] == self.uplink)

    def detected_at(self) -> float | None:
        """When it was detected: at the first event; for a lease now, if it is in use."""
        if self.fault is Fault.LEASE:
            return time.monotonic() if self.new_lease_in_use() else None
        return next(self.event_times(), None)

    def new_lease_in_use(self) -> bool:
        """Whether the daemon uses the address that is leased now."""
        assert isinstance(self.host, Isp)
        address = self.daemon.status()["uplinks"][self.uplink]["address"]
        return bool(address == str(self.host.line.ipv4.address))
