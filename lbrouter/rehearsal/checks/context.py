"""What the checks share: the venue, unused client addresses, flows and their uplinks."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lbrouter.model.kernel_state import IpAddress
from lbrouter.rehearsal.analysis.expected import TrafficPath
from lbrouter.rehearsal.analysis.fault_analysis import PROMPT_REFUSALS
from lbrouter.rehearsal.lab.faults import Fault
from lbrouter.rehearsal.lab.hosts import ClientHost
from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.process import JsonRow
from lbrouter.rehearsal.lab.venue import Venue

Progress = Callable[[str], None]

CLIENT_FLOW_TIMEOUT_MS = 2500
"""How long a client waits. An answer that comes back while the client's kernel is still busy with
its first packet counts only when it comes again, to the second packet, a second later."""

REFUSED_FLOW_COUNT = 8
"""Flows if all are refused: a kernel sends few ICMPv6 errors to one client (RFC 4443, 2.4 f)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalOptions:
    """How much a rehearsal does: flows for each policy and family, bytes in each flow.

    `faults` are injected on every uplink, in this order; `bandwidth` says whether to measure rates.
    `venue_options` overrides how the venue is built; by default there are as many client addresses
    as the policies need to show their shares.
    """

    flows_per_policy: int = 240
    bytes_per_flow: int = 2000
    faults: tuple[Fault, ...] = tuple(Fault)
    bandwidth: bool = True
    venue_options: VenueOptions | None = None


class RehearsalContext:
    """The venue and the options of a running rehearsal."""

    def __init__(self, venue: Venue, options: RehearsalOptions, progress: Progress) -> None:
        self.venue = venue
        self.config = venue.layout.config
        self.options = options
        self.progress = progress
        self._used_counts: Counter[tuple[str, int]] = Counter()

    def usable_uplinks(self, version: int) -> frozenset[str]:
        """Uplinks that carry an address family; a lane carries IPv4."""
        layout = self.venue.layout
        lanes = {relay.name for relay in layout.relays if version == 4}
        return frozenset({line.name for line in layout.lines if line.family(version)} | lanes)

    def unused_addresses(self, client: ClientHost, version: int, count: int) -> Sequence[IpAddress]:
        """Up to `count` addresses of a client that no flow has used yet, as long as there are any.

        A policy with sticky clients sends a known client where it went before: only a new one
        shows where new clients go.
        """
        pool = client.layout.ip_addresses(version)
        start = self._used_counts[client.layout.name, version] % len(pool)
        count = min(count, len(pool))
        self._used_counts[client.layout.name, version] = start + count
        return [pool[place % len(pool)] for place in range(start, start + count)]

    def run_flows(
        self,
        paths: Sequence[TrafficPath],
        expected: Mapping[str, float],
        *,
        count: int,
        clients: int,
    ) -> list[JsonRow]:
        """`count` TCP flows in all, from at most `clients` new clients, over the paths at once.

        Only `REFUSED_FLOW_COUNT` if no uplink is expected to carry them.
        """
        jobs = []
        count = count if expected else REFUSED_FLOW_COUNT
        for path in paths:
            client = self.venue.client(path.vlan)
            sources = self.unused_addresses(client, path.version, max(1, clients // len(paths)))
            jobs.append(
                client.start_traffic(
                    "flows",
                    version=path.version,
                    to=path.to,
                    port=path.port,
                    count=max(1, count // len(paths)),
                    take=self.options.bytes_per_flow,
                    timeout_ms=CLIENT_FLOW_TIMEOUT_MS,
                    sources=[str(source) for source in sources],
                )
            )
        return self.venue.collect_results(jobs)

    def count_by_uplink(self, rows: Iterable[JsonRow]) -> Counter[str]:
        """How many of the flows that worked each uplink carried; "?" is an unknown source."""
        seen = (self.venue.uplink_of(row["seen"]) or "?" for row in rows if not row["error"])
        return Counter(seen)


def count_errors(rows: Iterable[JsonRow]) -> Counter[str]:
    """How many flows failed, by reason."""
    return Counter(row["error"] for row in rows if row["error"])


def all_refused(rows: Sequence[JsonRow]) -> bool:
    """Whether every flow was refused with an answer, none left waiting."""
    return bool(rows) and all(row["error"] in PROMPT_REFUSALS for row in rows)


def counts_text(counts: Mapping[str, int]) -> str:
    """Counts in words: "3 silent, 1 reset"."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def shares_text(parts: Mapping[str, float], *, digits: int = 0) -> str:
    """Parts of one in words: "fiber 70 %, lte 30 %"."""
    return ", ".join(f"{name} {part * 100:.{digits}f} %" for name, part in parts.items())
