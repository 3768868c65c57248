"""How many connections each client and each VLAN may hold, so that one never fills the table.

Counting a new flow costs 330 ns for each connection that its client holds already. So only one new
flow in N is counted, and the bound is divided by N. Who is above it stands in a set for some
seconds, and its new flows are refused. With about 256 counted flows at the bound, the number that a
client holds in truth is off by some percent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.firewall.templates import render_fragment
from lbrouter.model.config import Config, Vlan
from lbrouter.model.kernel_state import NftElements
from lbrouter.model.reserved_ids import ALL_BUDGETS
from lbrouter.model.units import Percent

COUNTED_AT_BOUND: Final = 256
"""Flows that are counted for a client, or for a VLAN, that is at its bound."""

COUNTED_NEAR_BOUND: Final = 64
"""The same for the telling, which may be off by a tenth."""

NEAR_BOUND_PERCENT: Final = 80
"""From here on it is told, while nothing is refused yet."""

FORWARDS_BUDGET: Final = Percent(500)
"""What the flows that come in by one uplink's forwards may hold of the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedBound:
    """A bound on connections, as the ruleset counts it."""

    connections: int

    @property
    def sampling(self) -> int:
        """One new flow in this many is counted."""
        return max(1, self.connections // COUNTED_AT_BOUND)

    @property
    def counted(self) -> int:
        """Counted flows at the bound."""
        return max(1, self.connections // self.sampling)

    @property
    def near_sampling(self) -> int:
        """One new flow in this many is counted for the telling."""
        return max(1, self.connections // COUNTED_NEAR_BOUND)

    @property
    def counted_near(self) -> int:
        """Counted flows at which it is told."""
        return max(1, self.connections * NEAR_BOUND_PERCENT // 100 // self.near_sampling)


def vlan_budget(config: Config, vlan: Vlan, table_size: int) -> int:
    """Connections that all clients of `vlan` may hold together.

    `table_size` is the kernel's (net.netfilter.nf_conntrack_max). VLANs without `budget` share
    alike what the others leave.
    """
    if vlan.budget is not None:
        return max(1, table_size * vlan.budget // 10_000)
    named = sum(v.budget for v in config.vlans.values() if v.budget is not None)
    unnamed = sum(v.budget is None for v in config.vlans.values())
    return max(1, table_size * max(0, ALL_BUDGETS - named) // 10_000 // unnamed)


def structure(config: Config, table_size: int) -> Iterator[str]:
    """A chain for each VLAN that counts its new flows, and one for those of the forwards."""
    for name, vlan in config.vlans.items():
        client = CountedBound(connections=vlan.connections)
        whole = CountedBound(connections=vlan_budget(config, vlan, table_size))
        yield render_fragment(
            "connection-bounds",
            vlan=name,
            client_sampling=client.sampling,
            client_counted=client.counted,
            client_near_sampling=client.near_sampling,
            client_near=client.counted_near,
            vlan_sampling=whole.sampling,
            vlan_counted=whole.counted,
            vlan_near_sampling=whole.near_sampling,
            vlan_near=whole.counted_near,
        )
    if config.forwards:
        whole = CountedBound(connections=max(1, table_size * FORWARDS_BUDGET // 10_000))
        yield render_fragment("forward-bounds", sampling=whole.sampling, counted=whole.counted)


def elements(config: Config) -> dict[str, NftElements]:
    """Which chain counts the new flows that come by an interface."""
    found = {
        (config.vlan_device(vlan), f"jump count_{name}") for name, vlan in config.vlans.items()
    }
    return {"connection_bounds": frozenset(found)}
