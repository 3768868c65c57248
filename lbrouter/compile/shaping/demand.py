"""What the configuration and the uplinks' health say of lines, VLANs and guarantees."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from lbrouter.compile.routing.balance import choose
from lbrouter.compile.shaping.class_trees import Lane, Line
from lbrouter.compile.shaping.guarantees import Demand
from lbrouter.compile.shaping.htb import FLOOR, LOWEST_PRIORITY, UNLIMITED, quantum, whole
from lbrouter.model.config import Bandwidth, Config, Uplink, Vlan
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import Health
from lbrouter.model.kernel_state import Family
from lbrouter.model.units import Rate

OWN_LEAST: Final = 64_000
OWN_MOST: Final = 2_000_000


class Direction(StrEnum):
    """A direction of traffic, seen from the clients."""

    UPLOAD = "upload"
    DOWNLOAD = "download"


def capacity(uplink: Uplink, direction: Direction) -> Rate | None:
    """What the file says the line carries; None: this uplink is not shaped in this direction."""
    return uplink.upload if direction is Direction.UPLOAD else uplink.download


def bandwidth(vlan: Vlan, direction: Direction) -> Bandwidth | None:
    """The VLAN's guarantee and ceiling in one direction; None: what is left over."""
    return vlan.upload if direction is Direction.UPLOAD else vlan.download


def ceiling(vlan: Vlan, direction: Direction) -> int:
    """The VLAN's ceiling in bits per second, whole bytes; 0 when it has none."""
    wanted = bandwidth(vlan, direction)
    return whole(wanted.ceiling) if wanted is not None and wanted.ceiling is not None else 0


def guaranteed(vlan: Vlan, direction: Direction) -> int:
    """The VLAN's guarantee in bits per second; 0 when it has none."""
    wanted = bandwidth(vlan, direction)
    return int(wanted.guaranteed) if wanted is not None else 0


def lines(config: Config, allocation: Allocation, direction: Direction) -> tuple[Line, ...]:
    """Every uplink as a line, less headroom; one that is not shaped is unlimited."""
    return tuple(
        Line(
            name=name,
            number=allocation.uplinks[name],
            rate=max(_rate(uplink, direction), least_line(config)),
            overhead=None if capacity(uplink, direction) is None else uplink.overhead,
        )
        for name, uplink in config.uplinks.items()
    )


def _rate(uplink: Uplink, direction: Direction) -> int:
    """Headroom keeps the queue here, where we order it, and out of the modem: stream latency (p95)
    was 51, 39 and 32 ms at 100, 95 and 90 % of the line.
    """
    carries = capacity(uplink, direction)
    if carries is None:
        return UNLIMITED
    free = carries * (10_000 - uplink.headroom) // 10_000
    return whole(free if uplink.overhead is None else uplink.overhead.carried(free))


def least_line(config: Config) -> int:
    """The least that a line's class can have: half for the gateway, `FLOOR` for each VLAN."""
    return 2 * FLOOR * (len(config.vlans) + 1)


def least_ceiling(config: Config) -> int:
    """The least ceiling over several uplinks: `FLOOR` for each of them."""
    return FLOOR * len(config.uplinks)


def lanes(config: Config, allocation: Allocation, direction: Direction) -> tuple[Lane, ...]:
    """Every VLAN as a lane; quanta in proportion to the guarantees in the file."""
    weights = {name: guaranteed(vlan, direction) for name, vlan in config.vlans.items()}
    least = min((weight for weight in weights.values() if weight > 0), default=0)
    return tuple(
        Lane(
            name=name,
            number=allocation.vlans[name],
            ceiling=_lane_ceiling(config, vlan, direction),
            prio=min(LOWEST_PRIORITY, max(1, vlan.priority)),
            quantum=quantum(weights[name], least),
        )
        for name, vlan in config.vlans.items()
    )


def _lane_ceiling(config: Config, vlan: Vlan, direction: Direction) -> int:
    limit = ceiling(vlan, direction)
    return max(limit, least_ceiling(config)) if spans(config, vlan, direction) else limit


def demands(
    config: Config, direction: Direction, health: Health, facts: Facts
) -> tuple[Demand, ...]:
    """What each VLAN wants of the uplinks that its policy uses now, and of those it may use."""
    return tuple(_demand(config, vlan, direction, health, facts) for vlan in config.vlans.values())


def _demand(
    config: Config, vlan: Vlan, direction: Direction, health: Health, facts: Facts
) -> Demand:
    policy = config.policies[vlan.policy]
    families = (choose(config, policy, health, family, facts) for family in Family)
    shares = next((found for found in families if found), ())
    active = {share.uplink: share.weight for share in shares}
    return Demand(
        vlan=vlan.name,
        priority=vlan.priority,
        wanted=guaranteed(vlan, direction),
        active=active,
        standby=candidates(config, vlan) - frozenset(active),
    )


def candidates(config: Config, vlan: Vlan) -> frozenset[str]:
    """Every uplink that some policy or rule may send the VLAN's flows to."""
    rules = (r.policy for r in config.rules if not r.from_ or vlan.name in r.from_)
    return frozenset(u for name in (vlan.policy, *rules) for u in config.policies[name].uplinks)


def spans(config: Config, vlan: Vlan, direction: Direction) -> bool:
    """Whether the VLAN's ceiling needs a tree of its own: no single line's tree can hold it."""
    if not ceiling(vlan, direction):
        return False
    uplinks = candidates(config, vlan)
    return len(uplinks) > 1 or any(
        capacity(config.uplinks[name], direction) is None for name in uplinks
    )


def own_rate(line: Line) -> int:
    """The gateway's own guarantee on a line: a twentieth, 64 kbit/s to 2 Mbit/s, half at most."""
    return whole(min(max(line.rate // 20, OWN_LEAST), OWN_MOST, line.rate // 2))


def room(line: Line, direction: Direction) -> int:
    """What the VLANs have of a line. The gateway itself has its class on the way up alone."""
    return line.rate - (own_rate(line) if direction is Direction.UPLOAD else 0)


def too_small(config: Config, direction: Direction) -> Iterator[str]:
    """Rates so low that HTB cannot divide them: what is taken instead, one sentence each."""
    for name, uplink in config.uplinks.items():
        carries = capacity(uplink, direction)
        if carries is not None and _rate(uplink, direction) < least_line(config):
            key = f"uplinks.{name}.{direction}"
            yield _too_small(key, carries, len(config.vlans), "VLANs", least_line(config))
    for name, vlan in config.vlans.items():
        if spans(config, vlan, direction) and ceiling(vlan, direction) < least_ceiling(config):
            key, number = f"vlans.{name}.{direction}.ceiling", len(config.uplinks)
            limit = ceiling(vlan, direction)
            yield _too_small(key, limit, number, "uplinks", least_ceiling(config))


def _too_small(key: str, rate: int, number: int, things: str, instead: int) -> str:
    return (
        f"{key}: {Rate(rate)} is too little to divide among {number} {things};"
        f" it is shaped to {Rate(instead)} instead"
    )
