"""Ceilings of single clients: a token bucket for each hardware address, in sets that packets fill.

A class of HTB for each client would need its number before its first packet, and fq_codel and CAKE
know no ceilings. So packets above the ceiling are dropped: TCP finds the rate, UDP loses the rest.
"""

from collections.abc import Iterator
from typing import Final

from lbrouter.compile.firewall.templates import render_fragment
from lbrouter.compile.shaping.demand import (
    bandwidth,
)
from lbrouter.model.config import Config
from lbrouter.model.direction import Direction
from lbrouter.model.kernel_state import NftElements

CLIENT_BURST_MS: Final = 100
"""Time that a client may send at line speed after a pause. The kernel adds what the client did not
use of the last second (net/netfilter/nft_limit.c)."""

MIN_CLIENT_BURST_BYTES: Final = 131_072
"""Bytes: the kernel hands on up to 64 kB of one connection as one packet, which must fit."""

TRACKED_CLIENT_FLOWS: Final = 131_071
"""Flows of the last two minutes whose client is known, of a VLAN with a ceiling for downloads."""

CLIENT_DIRECTION_WORDS: Final = {Direction.UPLOAD: "up", Direction.DOWNLOAD: "down"}


def structure(config: Config) -> Iterator[str]:
    """The chains and sets; nothing if no VLAN needs them."""
    wanted = list(_client_ceilings(config))
    if wanted:
        yield render_fragment("client-limits")
    for direction, vlan, _ in wanted:
        if direction is Direction.DOWNLOAD:
            yield render_fragment("vlan-client-flows", vlan=vlan, size=TRACKED_CLIENT_FLOWS)
    for direction, vlan, rate in wanted:
        yield render_fragment(
            f"vlan-client-limit-{CLIENT_DIRECTION_WORDS[direction]}",
            vlan=vlan,
            rate=rate,
            burst=max(MIN_CLIENT_BURST_BYTES, rate * CLIENT_BURST_MS // 1000),
        )


def elements(config: Config) -> dict[str, NftElements]:
    """Which VLAN's packets go through which chain, by the name of the map.

    Uploads of a VLAN with a ceiling for downloads as well: they tell whose connection it is.
    """
    wanted = list(_client_ceilings(config))
    if not wanted:
        return {}
    limited = {"up": {vlan for _, vlan, _ in wanted}}
    limited["down"] = {vlan for direction, vlan, _ in wanted if direction is Direction.DOWNLOAD}
    return {
        f"limit_{word}": frozenset(
            (config.vlan_device(config.vlans[vlan]), f"goto limit_{word}_{vlan}") for vlan in vlans
        )
        for word, vlans in limited.items()
    }


def _client_ceilings(config: Config) -> Iterator[tuple[Direction, str, int]]:
    """(direction, VLAN, bytes per second) of each ceiling of a client."""
    for direction in Direction:
        for name, vlan in config.vlans.items():
            wanted = bandwidth(vlan, direction)
            if wanted is not None and wanted.per_client is not None:
                yield direction, name, int(wanted.per_client) // 8
