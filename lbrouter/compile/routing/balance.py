"""Which uplinks carry a policy's new flows: shares from configuration and health, the slot table.

A balance policy takes the next slot of a table of `BALANCE_SLOTS` with `numgen inc`, which gives
exact shares; the slots of one uplink are spread over the table, so that a client's burst of
connections does not go by one uplink.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import gcd

from lbrouter.compile.routing.uplink_addressing import has_nexthop
from lbrouter.model.config import Config, Policy, PolicyMode
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.reserved_ids import BALANCE_SLOTS


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkShare:
    """An uplink that carries new flows of a policy, with its weight among the others."""

    uplink: str
    weight: int


def select_uplinks(
    config: Config, policy: Policy, health: GatewayHealth, family: AddressFamily, facts: Facts
) -> tuple[UplinkShare, ...]:
    """The uplinks that carry the policy's new flows of `family`, in order; empty when none can."""
    able = [name for name in policy.uplinks if has_nexthop(config.uplinks[name], family, facts)]
    pin = health.pins.get(policy.name)
    if pin in able and health.uplinks[pin].alive:
        return (UplinkShare(uplink=pin, weight=1),)
    good = [name for name in able if is_fit_for(health.uplinks[name], policy.name)]
    if not good:
        return _least_bad(able, health)
    if policy.mode is PolicyMode.FAILOVER:
        return (UplinkShare(uplink=good[0], weight=1),)
    unmetered = [name for name in good if not config.uplinks[name].metered]
    return weighted_shares(config, policy, unmetered or good)


def is_fit_for(health: UplinkHealth, policy: str) -> bool:
    """Whether an uplink is fit for new flows of `policy`: up, or bad only for others' tolerance."""
    if health.state is UplinkState.DEGRADED:
        return policy not in health.excluded_policies
    return health.state is UplinkState.UP


def weighted_shares(
    config: Config, policy: Policy, names: Sequence[str]
) -> tuple[UplinkShare, ...]:
    """Shares of `names` by the policy's weights, else by upload rates, else equal."""
    if policy.weights is not None:
        weights = {name: policy.weights[name] for name in names}
    else:
        uploads = {name: config.uplinks[name].upload for name in names}
        known = all(rate is not None for rate in uploads.values())
        weights = {name: int(uploads[name] or 1) if known else 1 for name in names}
    if not any(weights.values()):
        # Only uplinks of weight 0 are left: weight 0 means "last resort", not "never".
        weights = dict.fromkeys(names, 1)
    return tuple(UplinkShare(uplink=n, weight=w) for n, w in weights.items() if w > 0)


def _least_bad(able: Iterable[str], health: GatewayHealth) -> tuple[UplinkShare, ...]:
    """The least bad uplink that is alive, or none. A drained one was taken out by hand."""
    alive = [
        name
        for name in able
        if health.uplinks[name].alive and health.uplinks[name].state is not UplinkState.DRAINED
    ]
    best = min(alive, key=lambda name: health.uplinks[name].badness, default=None)
    return () if best is None else (UplinkShare(uplink=best, weight=1),)


def gateway_uplink(
    config: Config, health: GatewayHealth, family: AddressFamily, facts: Facts
) -> str | None:
    """The uplink for the gateway's own traffic: the first fit one, unmetered before metered.

    A lane comes last: what it saves is the clients' connections, at twice the cost.
    """
    order = sorted(config.uplinks.values(), key=lambda uplink: (uplink.is_lane, uplink.metered))
    able = [uplink.name for uplink in order if has_nexthop(uplink, family, facts)]
    good = [name for name in able if health.uplinks[name].state is UplinkState.UP]
    usable = [name for name in able if health.uplinks[name].alive]
    return next(iter([*good, *usable, *able]), None)


def slot_table(shares: Sequence[UplinkShare]) -> tuple[str, ...]:
    """`BALANCE_SLOTS` uplink names by share, spread evenly; empty without shares.

    Every second round runs backwards: two uplinks of equal weight would else alternate strictly,
    and flows that an application opens in pairs would always go by different uplinks.
    """
    if not shares:
        return ()
    counts = apportion([share.weight for share in shares], BALANCE_SLOTS)
    unit = gcd(*counts)
    turn = _interleave([count // unit for count in counts])
    slots = [slot for index in range(unit) for slot in (turn if index % 2 == 0 else turn[::-1])]
    return tuple(shares[slot].uplink for slot in slots)


def apportion(weights: Sequence[int], total: int) -> list[int]:
    """`total` in whole parts by `weights` (largest remainder, the earlier first when equal)."""
    whole = sum(weights)
    parts = [weight * total // whole for weight in weights]
    remainders = [weight * total % whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda index: -remainders[index])
    for index in order[: total - sum(parts)]:
        parts[index] += 1
    return parts


def _interleave(counts: Sequence[int]) -> list[int]:
    """Indexes, each `counts[index]` times, as evenly spread as can be (smooth weighted turns)."""
    total = sum(counts)
    credit = [0] * len(counts)
    turn: list[int] = []
    for _ in range(total):
        credit = [have + count for have, count in zip(credit, counts, strict=True)]
        winner = max(range(len(counts)), key=lambda index: credit[index])
        credit[winner] -= total
        turn.append(winner)
    return turn
