"""Numbers of uplinks and VLANs, which stay with their names: no live connection changes its mark.

An uplink keeps its number whatever its place in the file. A number whose uplink left the file is
remembered, and given to another only if no unused one is left: connections that still carry it
must not go by another uplink.
"""

from collections.abc import Iterable, Mapping

from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation
from lbrouter.model.reserved_ids import MAX_UPLINKS

MAX_VLAN_NUMBER = 4000


def allocate(config: Config, remembered: Allocation) -> Allocation:
    """Numbers for every uplink and VLAN of `config`, keeping those that are remembered."""
    uplinks, retired = _assign(config.uplinks, remembered.uplinks, remembered.retired, MAX_UPLINKS)
    vlans, _ = _assign(config.vlans, remembered.vlans, (), MAX_VLAN_NUMBER)
    return Allocation(uplinks=uplinks, vlans=vlans, retired=retired)


def _assign(
    names: Iterable[str], numbers: Mapping[str, int], retired: tuple[str, ...], limit: int
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Numbers by name (those of absent names stay reserved), and the absent, longest gone first."""
    wanted = list(names)
    kept = dict(numbers)
    gone = [name for name in retired if name in kept and name not in wanted]
    gone += [name for name in kept if name not in wanted and name not in gone]
    for name in wanted:
        if name not in kept:
            kept[name] = _next_number(kept, gone, limit)
    return kept, tuple(gone)


def _next_number(kept: dict[str, int], gone: list[str], limit: int) -> int:
    """The lowest number never given out, else that of the name that is gone longest."""
    taken = set(kept.values())
    for number in range(1, limit + 1):
        if number not in taken:
            return number
    return kept.pop(gone.pop(0))
