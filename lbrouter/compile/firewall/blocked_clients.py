"""Clients that an operator has shut out: hardware addresses in front of the VLANs' own chains.

While no client is shut out no packet is compared with them: the VLANs' packets then go past the
chains that look.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from lbrouter.model.kernel_state import NftTable

BLOCKED_SET: Final = "blocked_clients"
DISPATCH_MAP: Final = "prerouting_dispatch"
DIRECT_VERDICT: Final = "goto from_vlan_"
SCREENED_VERDICT: Final = "goto screen_"


def with_blocked(table: NftTable, blocked: Collection[str]) -> NftTable:
    """The whole `table`, with the hardware addresses that are `blocked`."""
    elements = {**table.elements, BLOCKED_SET: frozenset((mac, "") for mac in blocked)}
    if blocked:
        elements[DISPATCH_MAP] = frozenset(
            (interface, verdict.replace(DIRECT_VERDICT, SCREENED_VERDICT))
            for interface, verdict in table.elements[DISPATCH_MAP]
        )
    return replace(table, elements=elements)
