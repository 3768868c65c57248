"""Flows of the healthy line while the other one fails: nothing may happen to them."""

import re
from dataclasses import dataclass

from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue

HELD_FLOWS = 10
"""TCP connections that stay, beside one UDP stream."""

RESET_COUNTER_RULESET = """
table inet witness {
	counter resets { }
	chain arrives {
		type filter hook input priority -300
		tcp flags & rst == rst counter name resets
	}
	chain leaves {
		type filter hook output priority -300
		tcp flags & rst == rst counter name resets
	}
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDamage:
    """Of the flows of the healthy line: how many failed, resets seen by the client, entries of the
    connection table that were deleted, datagrams lost and the longest time between two answers.
    """

    broken: int
    resets: int
    deleted: int
    lost: int
    gap_ms: float

    @property
    def touched(self) -> int:
        """Everything that must not happen, added up."""
        return self.broken + self.resets + self.deleted


class HealthyLineFlows:
    """Opens its flows when it is made; `stop` says what happened to them.

    The client itself ends its flows only in `stop`, after the listening for deletions has ended: so
    each deletion before that was not its own.
    """

    def __init__(self, venue: Venue, vlan: str) -> None:
        self.client = venue.client(vlan)
        self.gateway = venue.gateway
        self.address = str(self.client.layout.ip_addresses(4)[0])
        self.client.check_output(["nft", "-f", "-"], stdin=RESET_COUNTER_RULESET)
        self.deletions: LabProcess = self.gateway.start(["conntrack", "-E", "-e", "DESTROY"])
        self.held_flows = self.client.hold_connections(
            count=HELD_FLOWS, interval_ms=50, timeout_ms=15_000
        )
        self.ping = self.client.start_ping(interval_ms=10)
        self.mark = self._mark()

    def _mark(self) -> str:
        """The connection mark of these flows, as `conntrack` prints it."""
        listed = self.gateway.check_output(["conntrack", "-L", "-p", "tcp", "-s", self.address])
        return next(iter(re.findall(r"mark=(\d+)", listed)), "")

    def stop(self) -> FlowDamage:
        """End everything and count."""
        self.deletions.process.terminate()
        assert self.deletions.process.stdout is not None
        said = self.deletions.process.stdout.read().splitlines()
        listed = self.client.check_output(["nft", "list", "counter", "inet", "witness", "resets"])
        found = re.search(r"packets (\d+)", listed)
        [pinged] = self.ping.stop()
        rows = self.held_flows.stop()
        ours = (f"src={self.address} ", f"mark={self.mark} ")
        return FlowDamage(
            broken=sum(1 for row in rows if row["error"]),
            resets=int(found[1]) if found else 0,
            deleted=sum(1 for line in said if all(word in f"{line} " for word in ours)),
            lost=len(pinged["lost"]),
            gap_ms=pinged["max_gap_ms"],
        )
