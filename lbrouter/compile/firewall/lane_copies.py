"""The copying chains of the lanes, and the elements that say which lines carry copies now."""

from collections.abc import Iterator

from lbrouter.compile.firewall.templates import render_fragment
from lbrouter.compile.routing.lane_lines import carrying_lines, line_source, usable_lanes
from lbrouter.compile.routing.uplink_addressing import has_nexthop
from lbrouter.model.config import Config, Uplink
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import AddressFamily, NftElements
from lbrouter.model.reserved_ids import (
    LANE_LOCAL_ADDRESS,
    VOID_DEVICE,
    lane_copy_mark,
    lane_mark,
    lane_port,
)


def structure(config: Config, allocation: Allocation) -> Iterator[str]:
    """The lanes' table; nothing if the file has no lane."""
    lanes = config.lanes()
    if lanes:
        yield render_fragment("lanes")
    for lane in lanes:
        number = allocation.uplinks[lane.name]
        mark = f"{lane_mark(number):#010x}"
        copy_mark = f"{lane_copy_mark(number):#010x}"
        yield render_fragment("lane", name=lane.name, number=number, mark=mark, copy_mark=copy_mark)
        for line in lane.over:
            yield render_fragment(
                "lane-line",
                lane=lane.name,
                line=line,
                number=number,
                line_number=allocation.uplinks[line],
            )
        yield render_fragment("lane-end", number=number, mark=mark, void=VOID_DEVICE)


def elements(
    config: Config, *, allocation: Allocation, health: GatewayHealth, facts: Facts
) -> dict[str, NftElements]:
    """Elements by the name of their map, for every one of the lanes' table but the classes."""
    lanes = config.lanes()
    if not lanes:
        return {}
    # What the relay sends to a line's address is meant for ours.
    addresses = {}
    for lane in usable_lanes(config, facts):
        assert lane.relay is not None
        relay = f"{facts.lanes[lane.name].relay_address} . {lane.relay.port}"
        port = lane_port(allocation.uplinks[lane.name])
        for line in _lines_with_address(config, lane, facts):
            key = f"{config.uplinks[line].device} . {relay} . {port}"
            addresses[key] = str(LANE_LOCAL_ADDRESS)
    by_name: dict[str, NftElements] = {"lane_local": frozenset(addresses.items())}
    for lane in lanes:
        by_name.update(_lane_elements(config, lane, allocation, health, facts))
    return by_name


def _lines_with_address(config: Config, lane: Uplink, facts: Facts) -> list[str]:
    return [n for n in lane.over if has_nexthop(config.uplinks[n], AddressFamily.V4, facts)]


def _lane_elements(
    config: Config, lane: Uplink, allocation: Allocation, health: GatewayHealth, facts: Facts
) -> Iterator[tuple[str, NftElements]]:
    number = allocation.uplinks[lane.name]
    usable = lane.name in facts.lanes
    addressed = _lines_with_address(config, lane, facts) if usable else []
    carrying = carrying_lines(config, lane, health, facts) if usable else ()
    mark = str(lane_copy_mark(number))
    sources = {
        config.uplinks[line].device: str(line_source(config, line, facts)[0]) for line in addressed
    }
    yield f"lane_source_{number}", frozenset(sources.items())
    for line in lane.over:
        nexthop, device = {}, {}
        if line in addressed:
            device[mark] = config.uplinks[line].device
        if line in carrying:
            # A point-to-point line takes any address: the relay's own.
            gateway = line_source(config, line, facts)[1]
            nexthop[mark] = str(gateway or facts.lanes[lane.name].relay_address)
        suffix = f"{number}_{allocation.uplinks[line]}"
        yield f"lane_nexthop_{suffix}", frozenset(nexthop.items())
        yield f"lane_device_{suffix}", frozenset(device.items())
