"""What each VLAN is guaranteed on each uplink, when uplinks come and go and it may not all fit.

HTB does not hold a parent's ceiling against children within their own rate (measured: a root
lowered to 10 Mbit/s passed 33): guarantees that exceed the line do not hold. So they are divided
here, in integers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from lbrouter.compile.shaping.htb import MIN_CLASS_RATE_BPS, whole_bytes_rate

UplinkVlan = tuple[str, str]
"""(uplink, VLAN)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanDemand:
    """What a VLAN needs in one direction, in bits per second; 0 is "what is left over".

    `active_uplinks` carry its new flows now, with weights: together they must meet `guaranteed`.
    `standby_uplinks` may have to at the next failover, or still carry old flows: `guaranteed` is
    reserved on each as far as its budget allows.
    """

    vlan: str
    priority: int
    guaranteed: int
    active_uplinks: Mapping[str, int]
    standby_uplinks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """A guarantee that cannot be met on what is left. Rates in bits per second."""

    vlan: str
    direction: str
    guaranteed: int
    granted: int


def allocate_rates(
    budgets: Mapping[str, int], demands: Sequence[VlanDemand]
) -> dict[UplinkVlan, int]:
    """Rate of each (uplink, VLAN), bits per second, `MIN_CLASS_RATE_BPS` at least.

    `budgets` are what the uplinks have for VLANs, at least `MIN_CLASS_RATE_BPS` for each VLAN; the
    rates on an uplink never exceed its budget. Lower priority numbers are served first, equal ones
    in proportion; the active demands of all VLANs come before standby ones.
    """
    left = {
        uplink: whole_bytes_rate(rate) - MIN_CLASS_RATE_BPS * len(demands)
        for uplink, rate in budgets.items()
    }
    rates = {(uplink, demand.vlan): MIN_CLASS_RATE_BPS for uplink in budgets for demand in demands}
    for group in _by_priority(demands):
        for pair, amount in _allocate_group(group, left):
            rates[pair] += amount
    for group in _by_priority(demands):
        standby = {
            (uplink, demand.vlan): max(0, whole_bytes_rate(demand.guaranteed) - MIN_CLASS_RATE_BPS)
            for demand in group
            for uplink in sorted(demand.standby_uplinks)
        }
        for pair, amount in _grant_proportionally(standby, left).items():
            rates[pair] += amount
    return rates


def shortfalls(
    rates: Mapping[UplinkVlan, int], demands: Iterable[VlanDemand], direction: str
) -> Iterator[Shortfall]:
    """The demands that `rates` do not meet on their active uplinks."""
    for demand in demands:
        got = sum(rates[uplink, demand.vlan] for uplink in demand.active_uplinks)
        wanted = whole_bytes_rate(demand.guaranteed)
        if got < wanted:
            yield Shortfall(vlan=demand.vlan, direction=direction, guaranteed=wanted, granted=got)


def _by_priority(demands: Sequence[VlanDemand]) -> Iterator[list[VlanDemand]]:
    ordered = sorted(demands, key=lambda demand: (demand.priority, demand.vlan))
    for _, group in groupby(ordered, key=lambda demand: demand.priority):
        yield list(group)


def _allocate_group(
    group: Sequence[VlanDemand], left: dict[str, int]
) -> Iterator[tuple[UplinkVlan, int]]:
    """Meet the group's demands by weight; what an uplink lacks is asked of the others again.

    Each round meets all or uses up an uplink, so there are no more rounds than uplinks.
    """
    unmet = {
        d.vlan: max(0, whole_bytes_rate(d.guaranteed) - MIN_CLASS_RATE_BPS * len(d.active_uplinks))
        for d in group
    }
    for _ in range(len(left) + 1):
        asked: dict[UplinkVlan, int] = {}
        for demand in group:
            asked.update(_weighted_portions(demand, unmet[demand.vlan], left))
        for pair, amount in _grant_proportionally(asked, left).items():
            unmet[pair[1]] -= amount
            yield pair, amount


def _weighted_portions(
    demand: VlanDemand, amount: int, left: Mapping[str, int]
) -> Iterator[tuple[UplinkVlan, int]]:
    """`amount` over the demand's uplinks with budget left, by weight, to the last byte."""
    weights = {uplink: w for uplink, w in demand.active_uplinks.items() if left[uplink] > 0}
    total, passed, given = sum(weights.values()), 0, 0
    for uplink, weight in weights.items():
        passed += weight
        until = whole_bytes_rate(amount * passed // total)
        yield (uplink, demand.vlan), until - given
        given = until


def _grant_proportionally(
    asked: Mapping[UplinkVlan, int], left: dict[str, int]
) -> dict[UplinkVlan, int]:
    """What is granted of what is `asked`, in proportion where an uplink is short; taken off `left`.

    A short uplink is empty afterwards: what rounding leaves over (a byte for each VLAN) is dropped.
    """
    sums = dict.fromkeys(left, 0)
    for (uplink, _), amount in asked.items():
        sums[uplink] += amount
    granted = {
        (uplink, vlan): whole_bytes_rate(
            amount * min(sums[uplink], left[uplink]) // max(1, sums[uplink])
        )
        for (uplink, vlan), amount in asked.items()
    }
    for uplink, amount in sums.items():
        left[uplink] = max(0, left[uplink] - amount)
    return granted
