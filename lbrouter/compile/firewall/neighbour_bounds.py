"""How fast each link may name new neighbours: the kernel's neighbour table is one for all links.

The kernel frees entries that nobody used for five seconds when the table is full, and no younger
ones. So what all links together may add in five seconds is half of the table, shared alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.firewall.templates import render_fragment
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation
from lbrouter.model.kernel_state import NftElements

YOUNG_FOR_S: Final = 5
"""Entries that are younger are never freed (neigh_forced_gc in net/core/neighbour.c)."""

MIN_SHARE: Final = 16
MAX_SHARE: Final = 2048

VLAN_LINK_PREFIX: Final = "vlan_"
UPLINK_LINK_PREFIX: Final = "uplink_"


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourBound:
    """New neighbours of one link, in one family: so many a second, so many at once."""

    rate_per_s: int
    burst: int


def neighbour_bound(config: Config, table_size: int) -> NeighbourBound:
    """The bound of each link; `table_size` is the kernel's, in entries of one family."""
    links = len(config.uplinks) + len(config.vlans)
    share = min(MAX_SHARE, max(MIN_SHARE, table_size // (2 * links)))
    return NeighbourBound(rate_per_s=share // (2 * YOUNG_FOR_S), burst=share // 2)


def structure(config: Config, allocation: Allocation, table_size: int) -> Iterator[str]:
    """The chains of each link, and the table in which ARP is bounded."""
    bound = neighbour_bound(config, table_size)
    yield render_fragment("arp")
    for link in link_names(config, allocation):
        yield render_fragment(
            "neighbour-bounds", name=link, rate=bound.rate_per_s, burst=bound.burst
        )


def elements(config: Config, allocation: Allocation) -> dict[str, NftElements]:
    """Which chain bounds the neighbours that an interface brings."""
    links = {
        **{config.vlan_device(v): f"{VLAN_LINK_PREFIX}{name}" for name, v in config.vlans.items()},
        **{
            uplink.device: f"{UPLINK_LINK_PREFIX}{allocation.uplinks[name]}"
            for name, uplink in config.uplinks.items()
        },
    }
    return {
        "neighbour_bounds": frozenset(
            (device, f"jump bound_neighbours_{link}") for device, link in links.items()
        ),
        "arp_dispatch": frozenset(
            (device, f"goto arp_bound_{link}") for device, link in links.items()
        ),
    }


def link_names(config: Config, allocation: Allocation) -> dict[str, tuple[str, str]]:
    """By what its counters are called after, each link: "vlan" or "uplink", and its name."""
    numbers = allocation.uplinks
    uplinks = {f"{UPLINK_LINK_PREFIX}{numbers[n]}": ("uplink", n) for n in config.uplinks}
    return {**{f"{VLAN_LINK_PREFIX}{n}": ("vlan", n) for n in config.vlans}, **uplinks}
