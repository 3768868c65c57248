"""Rates of uplinks, classes of VLANs and their demands, from configuration and health."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.routing.balance import select_uplinks
from lbrouter.compile.routing.client_families import vlan_families
from lbrouter.compile.shaping.guarantees import VlanDemand
from lbrouter.compile.shaping.htb import (
    HTB_LOWEST_PRIORITY,
    MIN_CLASS_RATE_BPS,
    UNLIMITED_RATE_BPS,
    class_quantum,
    whole_bytes_rate,
)
from lbrouter.model.config import Bandwidth, Config, Uplink, Vlan
from lbrouter.model.direction import Direction
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.messages.phrase import Phrase, phrase
from lbrouter.model.sections.link_overhead import LinkOverhead
from lbrouter.model.units import Rate

MIN_GATEWAY_RATE_BPS: Final = 64_000
MAX_GATEWAY_RATE_BPS: Final = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkRate:
    """An uplink in one direction: its number, its rate less headroom in bits per second, and what
    it adds to each packet.
    """

    name: str
    number: int
    rate: int
    overhead: LinkOverhead | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanClass:
    """A VLAN in one direction. `ceiling` 0 = none; `prio` and `quantum` as HTB takes them."""

    name: str
    number: int
    ceiling: int
    prio: int
    quantum: int
    label: str = ""
    """What it is called to people, where it is no VLAN."""


def capacity(uplink: Uplink, direction: Direction) -> Rate | None:
    """What the file says the line carries; None: this uplink is not shaped in this direction."""
    return uplink.upload if direction is Direction.UPLOAD else uplink.download


def bandwidth(vlan: Vlan, direction: Direction) -> Bandwidth | None:
    """The VLAN's guarantee and ceiling in one direction; None: what is left over."""
    return vlan.upload if direction is Direction.UPLOAD else vlan.download


def ceiling(vlan: Vlan, direction: Direction) -> int:
    """The VLAN's ceiling in bits per second, whole bytes; 0 when it has none."""
    wanted = bandwidth(vlan, direction)
    return (
        whole_bytes_rate(wanted.ceiling) if wanted is not None and wanted.ceiling is not None else 0
    )


def guaranteed(vlan: Vlan, direction: Direction) -> int:
    """The VLAN's guarantee in bits per second; 0 when it has none."""
    wanted = bandwidth(vlan, direction)
    return int(wanted.guaranteed) if wanted is not None else 0


def uplink_rates(
    config: Config, allocation: Allocation, direction: Direction
) -> tuple[UplinkRate, ...]:
    """Every uplink as a line, less headroom; one that is not shaped is unlimited."""
    return tuple(
        UplinkRate(
            name=name,
            number=allocation.uplinks[name],
            rate=max(_shaped_rate(uplink, direction), min_uplink_rate(config)),
            overhead=None if capacity(uplink, direction) is None else uplink.overhead,
        )
        for name, uplink in config.uplinks.items()
    )


def _shaped_rate(uplink: Uplink, direction: Direction) -> int:
    """The rate less headroom, so that the queue is here and not in the modem: stream latency (p95)
    was 51, 39 and 32 ms at 100, 95 and 90 % of the line.
    """
    carries = capacity(uplink, direction)
    if carries is None:
        return UNLIMITED_RATE_BPS
    free = carries * (10_000 - uplink.headroom) // 10_000
    return whole_bytes_rate(free if uplink.overhead is None else uplink.overhead.packet_rate(free))


def min_uplink_rate(config: Config) -> int:
    """The least rate of an uplink's class: half for the gateway, `MIN_CLASS_RATE_BPS` a VLAN.

    The copies of a lane count as a VLAN.
    """
    return 2 * MIN_CLASS_RATE_BPS * (len(config.vlans) + len(config.lanes()) + 1)


def min_spanning_ceiling(config: Config) -> int:
    """The least ceiling over several uplinks: `MIN_CLASS_RATE_BPS` for each."""
    return MIN_CLASS_RATE_BPS * len(config.uplinks)


def vlan_classes(
    config: Config, allocation: Allocation, direction: Direction
) -> tuple[VlanClass, ...]:
    """Every VLAN as a class; quanta in proportion to the guarantees in the file."""
    weights = {name: guaranteed(vlan, direction) for name, vlan in config.vlans.items()}
    least = min((weight for weight in weights.values() if weight > 0), default=0)
    return tuple(
        VlanClass(
            name=name,
            number=allocation.vlans[name],
            ceiling=_vlan_class_ceiling(config, vlan, direction),
            prio=min(HTB_LOWEST_PRIORITY, max(1, vlan.priority)),
            quantum=class_quantum(weights[name], least),
        )
        for name, vlan in config.vlans.items()
    )


def _vlan_class_ceiling(config: Config, vlan: Vlan, direction: Direction) -> int:
    limit = ceiling(vlan, direction)
    return (
        max(limit, min_spanning_ceiling(config))
        if spans_uplinks(config, vlan, direction)
        else limit
    )


def demands(
    config: Config, direction: Direction, health: GatewayHealth, facts: Facts
) -> tuple[VlanDemand, ...]:
    """What each VLAN needs of the uplinks that its policy uses now, and of those it may use."""
    return tuple(_demand(config, vlan, direction, health, facts) for vlan in config.vlans.values())


def _demand(
    config: Config, vlan: Vlan, direction: Direction, health: GatewayHealth, facts: Facts
) -> VlanDemand:
    policy = config.policies[vlan.policy]
    families = (
        select_uplinks(config, policy, health, family, facts) for family in vlan_families(vlan)
    )
    shares = next((chosen for chosen in families if chosen), ())
    active = {share.uplink: share.weight for share in shares}
    return VlanDemand(
        vlan=vlan.name,
        priority=vlan.priority,
        guaranteed=guaranteed(vlan, direction),
        active_uplinks=active,
        standby_uplinks=candidate_uplinks(config, vlan) - frozenset(active),
    )


def candidate_uplinks(config: Config, vlan: Vlan) -> frozenset[str]:
    """Every uplink that some policy or rule may send the VLAN's flows to."""
    rules = (r.policy for r in config.rules if not r.from_ or vlan.name in r.from_)
    return frozenset(u for name in (vlan.policy, *rules) for u in config.policies[name].uplinks)


def spans_uplinks(config: Config, vlan: Vlan, direction: Direction) -> bool:
    """Whether the VLAN's ceiling needs a tree of its own: no single line's tree can hold it."""
    if not ceiling(vlan, direction):
        return False
    uplinks = candidate_uplinks(config, vlan)
    return len(uplinks) > 1 or any(
        capacity(config.uplinks[name], direction) is None for name in uplinks
    )


def gateway_rate(line: UplinkRate) -> int:
    """The gateway's own guarantee on a line: a twentieth, 64 kbit/s to 2 Mbit/s, half at most."""
    return whole_bytes_rate(
        min(max(line.rate // 20, MIN_GATEWAY_RATE_BPS), MAX_GATEWAY_RATE_BPS, line.rate // 2)
    )


def vlan_rate_budget(line: UplinkRate, direction: Direction) -> int:
    """What the VLANs have of a line. The gateway itself has a class only for upload."""
    return line.rate - (gateway_rate(line) if direction is Direction.UPLOAD else 0)


def rate_warnings(config: Config, direction: Direction) -> Iterator[str]:
    """Rates so low that HTB cannot divide them: what is taken instead, one sentence each."""
    for name, uplink in config.uplinks.items():
        carries = capacity(uplink, direction)
        if carries is not None and _shaped_rate(uplink, direction) < min_uplink_rate(config):
            key = f"uplinks.{name}.{direction}"
            things = phrase("{count} VLANs", count=len(config.vlans))
            yield _rate_warning(key, carries, things, min_uplink_rate(config))
    for name, vlan in config.vlans.items():
        if spans_uplinks(config, vlan, direction) and ceiling(
            vlan, direction
        ) < min_spanning_ceiling(config):
            key, limit = f"vlans.{name}.{direction}.ceiling", ceiling(vlan, direction)
            things = phrase("{count} uplinks", count=len(config.uplinks))
            yield _rate_warning(key, limit, things, min_spanning_ceiling(config))


def _rate_warning(key: str, rate: int, things: Phrase, instead: int) -> str:
    return phrase(
        "{key}: {rate} is too little to divide among {things}; it is shaped to {instead} instead",
        key=key,
        rate=Rate(rate),
        things=things,
        instead=Rate(instead),
    )
