"""What each VLAN is guaranteed on each uplink, when uplinks come and go and it may not all fit.

HTB does not hold a parent's ceiling against children within their own rate (measured: a root
lowered to 10 Mbit/s passed 33): guarantees that exceed the line are none. So they are shared out
here, in integers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from lbrouter.compile.shaping.htb import FLOOR, whole

Pair = tuple[str, str]
"""(uplink, VLAN)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a VLAN wants in one direction, in bits per second; 0 is "what is left over".

    `active` are the uplinks that carry its new flows now, with weights: together they must meet
    `wanted`. `standby` are those that may have to, at the next failover, or that still carry old
    flows: `wanted` is held ready on each as far as there is room.
    """

    vlan: str
    priority: int
    wanted: int
    active: Mapping[str, int]
    standby: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """A guarantee that cannot be met on what is left. Rates in bits per second."""

    vlan: str
    direction: str
    wanted: int
    got: int


def share_out(room: Mapping[str, int], demands: Sequence[Demand]) -> dict[Pair, int]:
    """Rate of each (uplink, VLAN), bits per second, `FLOOR` at least.

    `room` is what an uplink has for VLANs, at least `FLOOR` for each; the rates on an uplink never
    exceed it. Lower priority numbers are served first, equal ones in proportion; nothing is held
    ready for later that somebody needs now.
    """
    left = {uplink: whole(rate) - FLOOR * len(demands) for uplink, rate in room.items()}
    rates = {(uplink, demand.vlan): FLOOR for uplink in room for demand in demands}
    for group in _by_priority(demands):
        for pair, amount in _serve(group, left):
            rates[pair] += amount
    for group in _by_priority(demands):
        for pair, amount in _fit(_standby(group), left).items():
            rates[pair] += amount
    return rates


def shortfalls(
    rates: Mapping[Pair, int], demands: Iterable[Demand], direction: str
) -> Iterator[Shortfall]:
    """The demands that `rates` do not meet on the uplinks that carry them."""
    for demand in demands:
        got = sum(rates[uplink, demand.vlan] for uplink in demand.active)
        wanted = whole(demand.wanted)
        if got < wanted:
            yield Shortfall(vlan=demand.vlan, direction=direction, wanted=wanted, got=got)


def _by_priority(demands: Sequence[Demand]) -> Iterator[list[Demand]]:
    ordered = sorted(demands, key=lambda demand: (demand.priority, demand.vlan))
    for _, group in groupby(ordered, key=lambda demand: demand.priority):
        yield list(group)


def _serve(group: Sequence[Demand], left: dict[str, int]) -> Iterator[tuple[Pair, int]]:
    """Meet the group's demands by weight; what an uplink lacks is asked of the others again.

    Each round meets all or empties an uplink, so there are no more rounds than uplinks.
    """
    unmet = {d.vlan: max(0, whole(d.wanted) - FLOOR * len(d.active)) for d in group}
    for _ in range(len(left) + 1):
        asked: dict[Pair, int] = {}
        for demand in group:
            asked.update(_portions(demand, unmet[demand.vlan], left))
        for pair, amount in _fit(asked, left).items():
            unmet[pair[1]] -= amount
            yield pair, amount


def _portions(demand: Demand, amount: int, left: Mapping[str, int]) -> Iterator[tuple[Pair, int]]:
    """`amount` over the demand's uplinks that have room, by weight, to the last byte."""
    weights = {uplink: w for uplink, w in demand.active.items() if left[uplink] > 0}
    total, passed, given = sum(weights.values()), 0, 0
    for uplink, weight in weights.items():
        passed += weight
        until = whole(amount * passed // total)
        yield (uplink, demand.vlan), until - given
        given = until


def _standby(group: Iterable[Demand]) -> dict[Pair, int]:
    return {
        (uplink, demand.vlan): max(0, whole(demand.wanted) - FLOOR)
        for demand in group
        for uplink in sorted(demand.standby)
    }


def _fit(asked: Mapping[Pair, int], left: dict[str, int]) -> dict[Pair, int]:
    """What is granted of what is `asked`, in proportion where an uplink is short; taken off `left`.

    A short uplink is empty afterwards: what rounding leaves over (a byte for each VLAN) is dropped.
    """
    sums = dict.fromkeys(left, 0)
    for (uplink, _), amount in asked.items():
        sums[uplink] += amount
    granted = {
        (uplink, vlan): whole(amount * min(sums[uplink], left[uplink]) // max(1, sums[uplink]))
        for (uplink, vlan), amount in asked.items()
    }
    for uplink, amount in sums.items():
        left[uplink] = max(0, left[uplink] - amount)
    return granted
