"""The lanes on their lines: a class for the copies, with the guarantee of the VLANs that use it.

Upload: on every line of `over` the copies have a class of their own, since WireGuard clears the
class of what it encrypts, and in the gateway's default class a flood of guests would drop them.
Download: the answers come by one of the lines, nobody can say by which, and pass no queue of ours
before they are decrypted; so every line's classes leave room for them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from lbrouter.compile.routing.balance import select_uplinks
from lbrouter.compile.shaping.demand import (
    UplinkRate,
    VlanClass,
    capacity,
    demands,
    guaranteed,
    min_uplink_rate,
    uplink_rates,
    vlan_rate_budget,
)
from lbrouter.compile.shaping.guarantees import UplinkVlan, VlanDemand, allocate_rates
from lbrouter.compile.shaping.htb import (
    HTB_LOWEST_PRIORITY,
    MIN_CLASS_RATE_BPS,
    class_quantum,
    classid,
    classid_text,
    whole_bytes_rate,
)
from lbrouter.model.config import Config, Uplink, Vlan
from lbrouter.model.direction import Direction
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import AddressFamily, NftElements
from lbrouter.model.messages.phrase import phrase

LANE_COST_PERCENT: Final = 10
"""What WireGuard adds to the packets of a stream, with room: 60 bytes to each of some 1300."""

FIRST_LANE_CLASS: Final = 4000
"""Plus the lane's uplink number: the places after those of the VLANs, which end here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DividedLines:
    """The lines of one direction, what the VLANs need of them, and the rate of each class."""

    lines: tuple[UplinkRate, ...]
    demands: tuple[VlanDemand, ...]
    rates: Mapping[UplinkVlan, int]
    """Of each VLAN and of each lane's copies on each line, in bits per second."""


def divide_lines(
    config: Config,
    allocation: Allocation,
    direction: Direction,
    health: GatewayHealth,
    facts: Facts,
) -> DividedLines:
    """Each line divided among the VLANs, after what the lanes need of it."""
    whole = uplink_rates(config, allocation, direction)
    lines = _lines_less_answers(config, whole, direction, health, facts)
    # The demands, without a second reserve of a VLAN on the lines that its lane's copies
    # take.
    covered = {
        vlan.name: frozenset(lane.over)
        for lane in config.lanes()
        for vlan in _present_vlans(config, lane, health, facts)
    }
    nothing: frozenset[str] = frozenset()
    wanted = tuple(
        replace(vlan, standby_uplinks=vlan.standby_uplinks - covered.get(vlan.vlan, nothing))
        for vlan in demands(config, direction, health, facts)
    )
    copies = _copy_rates(config, lines, direction, health, facts)
    # What the copies of all lanes have of a line, in bits per second.
    budgets = {
        line.name: vlan_rate_budget(line, direction)
        - sum(rate for (uplink, _), rate in copies.items() if uplink == line.name)
        for line in lines
    }
    return DividedLines(
        lines=lines, demands=wanted, rates={**allocate_rates(budgets, wanted), **copies}
    )


def lane_vlans(config: Config, lane: Uplink) -> tuple[Vlan, ...]:
    """The VLANs whose policy lists the lane."""
    return tuple(
        vlan for vlan in config.vlans.values() if lane.name in config.policies[vlan.policy].uplinks
    )


def lane_guarantee(config: Config, lane: Uplink, direction: Direction) -> int:
    """What a line must carry of the lane, in bits per second: guarantees and WireGuard's cost."""
    return _with_cost(lane_vlans(config, lane), direction)


def _with_cost(vlans: Iterable[Vlan], direction: Direction) -> int:
    wanted = sum(guaranteed(vlan, direction) for vlan in vlans)
    return whole_bytes_rate(wanted * (100 + LANE_COST_PERCENT) // 100)


def _present_vlans(
    config: Config, lane: Uplink, health: GatewayHealth, facts: Facts
) -> tuple[Vlan, ...]:
    """The VLANs whose new flows go by the lane now."""
    return tuple(
        vlan
        for vlan in lane_vlans(config, lane)
        if any(
            share.uplink == lane.name
            for share in select_uplinks(
                config, config.policies[vlan.policy], health, AddressFamily.V4, facts
            )
        )
    )


def _lines_less_answers(
    config: Config,
    lines: Iterable[UplinkRate],
    direction: Direction,
    health: GatewayHealth,
    facts: Facts,
) -> tuple[UplinkRate, ...]:
    """The lines; for download, each of a lane less what the lane's answers need."""
    if direction is Direction.UPLOAD:
        return tuple(lines)
    least = min_uplink_rate(config)
    return tuple(
        replace(line, rate=max(least, line.rate - _needed(config, line, direction, health, facts)))
        for line in lines
    )


def _needed(
    config: Config, line: UplinkRate, direction: Direction, health: GatewayHealth, facts: Facts
) -> int:
    """What the lanes over a line need of it now; nothing where it is not shaped."""
    if capacity(config.uplinks[line.name], direction) is None:
        return 0
    return sum(
        _with_cost(_present_vlans(config, lane, health, facts), direction)
        for lane in config.lanes_over(line.name)
    )


def _copy_rates(
    config: Config,
    lines: Iterable[UplinkRate],
    direction: Direction,
    health: GatewayHealth,
    facts: Facts,
) -> dict[UplinkVlan, int]:
    """Rate of the copies' class on each line of each lane, bits per second; for upload alone.

    The guarantee counts on each line. A line that is too small leaves every VLAN its least.
    """
    if direction is Direction.DOWNLOAD:
        return {}
    rates: dict[UplinkVlan, int] = {}
    for line in lines:
        lanes = config.lanes_over(line.name)
        left = vlan_rate_budget(line, direction) - MIN_CLASS_RATE_BPS * (
            len(config.vlans) + len(lanes)
        )
        for lane in lanes:
            needed = _with_cost(_present_vlans(config, lane, health, facts), direction)
            extra = whole_bytes_rate(max(0, min(needed - MIN_CLASS_RATE_BPS, left)))
            left -= extra
            rates[line.name, class_name(lane)] = MIN_CLASS_RATE_BPS + extra
    return rates


def class_name(lane: Uplink) -> str:
    """What the copies of a lane are called among the VLANs of a line; no VLAN has such a name."""
    return f"lane {lane.name}"


def lane_class_number(allocation: Allocation, lane: Uplink) -> int:
    """The place of the copies among the VLANs' classes: after the last one (4000)."""
    return FIRST_LANE_CLASS + allocation.uplinks[lane.name]


def classes_over(config: Config, allocation: Allocation, line: str) -> tuple[VlanClass, ...]:
    """The classes of the copies on one line: served as the first of the VLANs that use the lane."""
    weights = [guaranteed(vlan, Direction.UPLOAD) for vlan in config.vlans.values()]
    least = min((weight for weight in weights if weight > 0), default=0)
    return tuple(
        VlanClass(
            name=class_name(lane),
            number=lane_class_number(allocation, lane),
            ceiling=0,
            prio=_priority(config, lane),
            quantum=class_quantum(lane_guarantee(config, lane, Direction.UPLOAD), least),
            label=phrase("copies of lane {lane}", lane=lane.name),
        )
        for lane in config.lanes_over(line)
    )


def _priority(config: Config, lane: Uplink) -> int:
    wanted = [vlan.priority for vlan in lane_vlans(config, lane)]
    return min(HTB_LOWEST_PRIORITY, max(1, min(wanted, default=HTB_LOWEST_PRIORITY)))


def copy_class(
    config: Config, allocation: Allocation, lane: Uplink, line: str
) -> tuple[int, int] | None:
    """The class of a lane's copies on one line; None where the line is not shaped."""
    if config.uplinks[line].upload is None:
        return None
    return classid(uplink=allocation.uplinks[line], vlan=lane_class_number(allocation, lane))


def class_elements(config: Config, allocation: Allocation) -> dict[str, NftElements]:
    """Elements of the maps `lane_class_N`: the copies' class on each line that is shaped."""
    by_name: dict[str, NftElements] = {}
    for lane in config.lanes():
        classes = {line: copy_class(config, allocation, lane, line) for line in lane.over}
        by_name[f"lane_class_{allocation.uplinks[lane.name]}"] = frozenset(
            (config.uplinks[line].device, classid_text(number))
            for line, number in classes.items()
            if number is not None
        )
    return by_name
