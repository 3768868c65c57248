"""A fault that has begun, and the policies that are under observation meanwhile."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from lbrouter.rehearsal.analysis.expected import Way
from lbrouter.rehearsal.checks.faults import Duty, Fault, Promise
from lbrouter.rehearsal.lab.daemon_process import Warden
from lbrouter.rehearsal.lab.isp import Isp
from lbrouter.rehearsal.lab.process import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One policy in one family under observation: the program that plays its flows.

    `promise` is None where the policy does not know the uplink; `uses` says whether new flows went
    by it before the fault; with `sticky` only new clients show that an uplink is used again.
    """

    way: Way
    job: Job
    promise: Promise | None
    sticky: bool
    uses: bool = False

    @property
    def name(self) -> str:
        """As a row calls it."""
        return f"{self.way.policy}, IPv{self.way.version}"

    @property
    def returns(self) -> bool:
        """Whether its new flows must be by the uplink again after the fault."""
        return self.uses and self.promise is not None and self.promise.returns

    def owes(self, duty: Duty) -> bool:
        """Whether the policy has something of the uplink, and must do this about the fault."""
        return self.uses and self.promise is not None and self.promise.duty is duty


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A fault that has begun: what, when, who watches."""

    isp: Isp
    fault: Fault
    begin: float
    watches: list[Watch]
    warden: Warden

    @property
    def uplink(self) -> str:
        """Whose line it is."""
        return self.isp.home.name

    def noticed(self) -> Iterator[float]:
        """When the daemon said something of the uplink since."""
        heard = self.warden.after(self.begin)
        return (at for at, event in heard if event["subject"] == self.uplink)

    def detected(self) -> float | None:
        """When it was noticed first: the first word, or that the new lease is in use (now)."""
        if self.fault is Fault.LEASE:
            return time.monotonic() if self.taken() else None
        return next(self.noticed(), None)

    def taken(self) -> bool:
        """Whether the daemon uses the address that is leased now."""
        found = self.warden.status()["uplinks"][self.uplink]["address"]
        return bool(found == str(self.isp.line.leg4.address))
