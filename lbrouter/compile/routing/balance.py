"""Which uplinks carry a policy's new flows: shares from configuration and health, the slot table.

A balance policy takes the next slot of a table of `BALANCE_SLOTS` with `numgen inc`, which gives
exact shares; the slots of one uplink are spread over the table, so that a client's burst of
connections does not go by one uplink.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from lbrouter.compile.routing.uplink_addressing import has_nexthop
from lbrouter.compile.routing.usability import LineGrade, is_drained, line_grade
from lbrouter.model.config import Addressing, Config, Policy, PolicyMode
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth, UplinkHealth
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
    """The uplinks that carry the policy's new flows of `family`, in order; empty when none can.

    A pin is a preference: it holds while its uplink is as good as the best one. Lines that are not
    proven yet share the flows like fit ones; of bad ones the least bad carries all.
    """
    grades = _grades(config, policy.uplinks, health, family, facts, policy=policy.name)
    best = max(grades.values(), default=LineGrade.UNUSABLE)
    pin = health.pins.get(policy.name)
    if best < LineGrade.UNPROVEN:
        return _single(_least_bad(grades, health, family, preferred=pin))
    good = [name for name, grade in grades.items() if grade is best]
    if pin in good:
        return _single(pin)
    if policy.mode is PolicyMode.FAILOVER:
        return _single(good[0])
    unmetered = [name for name in good if not config.uplinks[name].metered]
    return weighted_shares(config, policy, unmetered or good)


def lacks_uplinks(
    config: Config, policy: Policy, family: AddressFamily, facts: Facts, chosen: Container[str]
) -> bool:
    """Whether an uplink is missing in `chosen` that would carry a share if all were fit."""
    able = [name for name in policy.uplinks if _expects_family(config, name, family, facts)]
    unmetered = [name for name in able if not config.uplinks[name].metered]
    usual = weighted_shares(config, policy, unmetered or able)
    return any(share.uplink not in chosen for share in usual)


def _expects_family(config: Config, name: str, family: AddressFamily, facts: Facts) -> bool:
    """Whether an uplink has `family`, or will as soon as its interface or its lease is there."""
    uplink = config.uplinks[name]
    if has_nexthop(uplink, family, facts):
        return True
    if family is AddressFamily.V6:
        return uplink.static6 is not None
    return uplink.addressing in (Addressing.DHCP, Addressing.PPPOE) or uplink.static4 is not None


def _grades(
    config: Config,
    names: Iterable[str],
    health: GatewayHealth,
    family: AddressFamily,
    facts: Facts,
    *,
    policy: str | None,
) -> dict[str, LineGrade]:
    return {name: line_grade(config, name, family, health, facts, policy=policy) for name in names}


def _single(uplink: str | None) -> tuple[UplinkShare, ...]:
    return () if uplink is None else (UplinkShare(uplink=uplink, weight=1),)


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


def _least_bad(
    grades: Mapping[str, LineGrade],
    health: GatewayHealth,
    family: AddressFamily,
    *,
    preferred: str | None = None,
) -> str | None:
    """The best of the uplinks that are a last resort; `preferred` wins among equal grades."""
    usable = [name for name, grade in grades.items() if grade is not LineGrade.UNUSABLE]
    return min(
        usable,
        key=lambda name: (
            -grades[name],
            name != preferred,
            health.uplinks[name].of(family).badness,
        ),
        default=None,
    )


def gateway_uplink(
    config: Config, health: GatewayHealth, family: AddressFamily, facts: Facts
) -> str | None:
    """The uplink for the gateway's own traffic, None where no uplink has `family`.

    Fit before least bad, unmetered before metered, a lane last: what it saves is the clients'
    connections, at twice the cost. A drained one only where nothing else lives.
    Where all is dead the first stays: a packet may get through, an error never does.
    """
    by_cost = sorted(config.uplinks.values(), key=lambda u: (u.is_lane, u.metered))
    order = [uplink.name for uplink in by_cost]
    grades = _grades(config, order, health, family, facts, policy=None)
    fit = [name for name in order if grades[name] is LineGrade.FIT]
    best = fit[0] if fit else _least_bad(grades, health, family)
    if best is not None:
        return best
    able = [name for name in order if has_nexthop(config.uplinks[name], family, facts)]
    return min(able, key=lambda name: _emergency_order(health.uplinks[name], family), default=None)


def _emergency_order(line: UplinkHealth, family: AddressFamily) -> tuple[bool, bool, float]:
    """Sorts uplinks of which none is usable: one that lives first, though it is drained."""
    own = line.of(family)
    return not (own.alive and line.carrier), is_drained(line), own.badness


def slot_table(shares: Sequence[UplinkShare]) -> tuple[str, ...]:
    """`BALANCE_SLOTS` uplink names by share, spread evenly; empty without shares.

    Every second round runs backwards: two uplinks of equal weight would else alternate strictly,
    and flows that an application opens in pairs would always go by different uplinks.
    """
    if not shares:
        return ()
    counts = slot_counts([share.weight for share in shares])
    unit = gcd(*counts)
    turn = _interleave([count // unit for count in counts])
    slots = [slot for index in range(unit) for slot in (turn if index % 2 == 0 else turn[::-1])]
    return tuple(shares[slot].uplink for slot in slots)


def slot_counts(weights: Sequence[int]) -> list[int]:
    """Slots by `weights`; at least one for each weight above 0, at the cost of the largest."""
    counts = apportion(weights, BALANCE_SLOTS)
    for index, weight in enumerate(weights):
        if weight and not counts[index]:
            counts[index] = 1
            counts[counts.index(max(counts))] -= 1
    return counts


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
