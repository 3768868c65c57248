"""Bandwidth: from rates, guarantees and ceilings to qdiscs, classes and the map that feeds them.

A packet is classified once, by the nft map `class_of` (incoming interface . outgoing interface),
and is then shaped where it passes: at the uplink's egress (upload), at the trunk (download), and
before that at its VLAN's ceiling, if that must hold over several uplinks.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.routing.lan_links import physical_port
from lbrouter.compile.shaping import foreign_qdiscs, lane_classes, placement
from lbrouter.compile.shaping.change_order import order_classes
from lbrouter.compile.shaping.class_trees import (
    ShapingNouns,
    ceiling_tree,
    lan_tree,
    uplink_tree,
)
from lbrouter.compile.shaping.demand import (
    UplinkRate,
    VlanClass,
    capacity,
    gateway_rate,
    rate_warnings,
    spans_uplinks,
    vlan_classes,
)
from lbrouter.compile.shaping.guarantees import (
    Shortfall,
    UplinkVlan,
    VlanDemand,
    shortfalls,
)
from lbrouter.compile.shaping.htb import HTB_MAJOR, LOCAL_TRAFFIC_MINOR, classid, classid_text
from lbrouter.compile.shaping.overrides import NO_LIMITS, VlanLimits, with_limits
from lbrouter.compile.shaping.shared_port import lan_major, renumbered
from lbrouter.model.config import Config
from lbrouter.model.direction import Direction
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import (
    Device,
    DeviceKind,
    HtbClass,
    LinkAdminState,
    NftElements,
    Qdisc,
    Redirect,
)
from lbrouter.model.messages.phrase import phrase

__all__ = [
    "IFB_DOWN",
    "IFB_UP",
    "ShapingPlan",
    "build_shaping",
    "order_classes",
]

IFB_DOWN: Final = "lbr-down"
"""Where downloads meet when the LAN is several ports."""

IFB_UP: Final = "lbr-up"
"""Where uploads meet before they are divided to the uplinks, for the VLANs' ceilings."""

NO_REDIRECT_TARGET: Final = ""
"""A redirect to nowhere lets everything pass: it keeps the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapingPlan:
    """All that shapes: devices and classes for the kernel, elements of the nft map `class_of`.

    `elements` are in plain words: ("eth1 . eth0", "4c01:1012"). `shortfalls` are guarantees
    that what is left of the uplinks cannot meet.
    """

    devices: frozenset[Device] = frozenset()
    links: frozenset[LinkAdminState] = frozenset()
    qdiscs: frozenset[Qdisc] = frozenset()
    classes: frozenset[HtbClass] = frozenset()
    redirects: frozenset[Redirect] = frozenset()
    elements: NftElements = frozenset()
    warnings: tuple[str, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _DirectionPlan:
    """The plan of one direction: uplink rates, VLAN classes, demands and granted rates."""

    uplink_rates: tuple[UplinkRate, ...]
    vlan_classes: tuple[VlanClass, ...]
    demands: tuple[VlanDemand, ...]
    rates: Mapping[UplinkVlan, int]
    """Of the VLANs on each uplink, and of the lanes' copies."""
    shaped_uplinks: frozenset[str]
    """Uplinks whose line is limited here."""
    spanning_vlans: frozenset[str]
    """VLANs whose ceiling has a tree of its own."""
    major: int
    """Of the trees that this direction passes."""


def build_shaping(
    config: Config,
    *,
    allocation: Allocation,
    health: GatewayHealth,
    facts: Facts,
    limits: VlanLimits = NO_LIMITS,
) -> ShapingPlan:
    """Everything that shaping needs in the kernel, for any configuration, health and limits."""
    config = with_limits(config, limits)
    up = _direction_plan(config, Direction.UPLOAD, allocation, health, facts)
    down = _direction_plan(config, Direction.DOWNLOAD, allocation, health, facts)
    there = _expected_interfaces(config, facts)
    redirects = [  # also where another program shapes: the hook comes before any root
        redirect
        for redirect in (*_upload_redirects(config, up, facts), *_download_redirects(config, down))
        if redirect.interface in there
    ]
    ifbs = sorted({redirect.to for redirect in redirects} - {NO_REDIRECT_TARGET})
    nouns = [
        foreign_qdiscs.as_replacement(noun, facts)
        if isinstance(noun, Qdisc) and noun.parent == "root"
        else noun
        for noun in (
            *_upload_trees(config, allocation, up, facts),
            *(renumbered(noun, down.major) for noun in _download_trees(config, down, facts)),
        )
        if noun.interface in there | {*ifbs}
        and not foreign_qdiscs.is_blocked(facts, noun.interface)
    ]
    queues = placement.warnings(config, facts) if nouns else ()
    tiny = (sentence for direction in Direction for sentence in rate_warnings(config, direction))
    return ShapingPlan(
        devices=frozenset(Device(name=i, kind=DeviceKind.IFB, why=_REDIRECT_WHY[i]) for i in ifbs),
        links=frozenset(LinkAdminState(interface=i, up=True, why=_REDIRECT_WHY[i]) for i in ifbs),
        qdiscs=frozenset(noun for noun in nouns if isinstance(noun, Qdisc)),
        classes=frozenset(noun for noun in nouns if isinstance(noun, HtbClass)),
        redirects=frozenset(redirects),
        elements=frozenset(_class_map_elements(config, allocation, up, down)),
        warnings=(*queues, *tiny),
        shortfalls=(
            *_direction_shortfalls(up, Direction.UPLOAD),
            *_direction_shortfalls(down, Direction.DOWNLOAD),
        ),
    )


_REDIRECT_WHY: Final = {
    NO_REDIRECT_TARGET: phrase("a limit can be added here without losing a packet"),
    IFB_DOWN: phrase("all downloads pass here: the LAN has several ports"),
    IFB_UP: phrase(
        "all uploads pass here, so that a VLAN's ceiling counts for all uplinks together"
    ),
}


def _expected_interfaces(config: Config, facts: Facts) -> frozenset[str]:
    """Interfaces that exist, or will: an uplink that is unplugged is shaped when it comes back."""
    trunk = config.lan.trunk if config.lan is not None else ""
    tagged = (v for v in config.vlans.values() if v.id is not None and trunk in facts.interfaces)
    lanes = {lane.device for lane in config.lanes()}
    usable = (lane.device for lane in config.lanes() if lane.name in facts.lanes)
    found = facts.interfaces.keys() - lanes
    return frozenset((*found, *map(config.vlan_device, tagged), *usable))


def _direction_plan(
    config: Config,
    direction: Direction,
    allocation: Allocation,
    health: GatewayHealth,
    facts: Facts,
) -> _DirectionPlan:
    divided = lane_classes.divide_lines(config, allocation, direction, health, facts)
    return _DirectionPlan(
        uplink_rates=divided.lines,
        vlan_classes=vlan_classes(config, allocation, direction),
        demands=divided.demands,
        rates=divided.rates,
        shaped_uplinks=frozenset(n for n, u in config.uplinks.items() if capacity(u, direction)),
        spanning_vlans=frozenset(
            n for n, v in config.vlans.items() if spans_uplinks(config, v, direction)
        ),
        major=HTB_MAJOR if direction is Direction.UPLOAD else lan_major(config, facts),
    )


def _upload_trees(
    config: Config, allocation: Allocation, plan: _DirectionPlan, facts: Facts
) -> ShapingNouns:
    for line in plan.uplink_rates:
        if line.name in plan.shaped_uplinks:
            device = config.uplinks[line.name].device
            tree_placement = placement.upload_placement(config, facts, device, (device,))
            copies = lane_classes.classes_over(config, allocation, line.name)
            classes = (*plan.vlan_classes, *copies)
            yield from uplink_tree(
                tree_placement, line, classes, plan.rates, gateway_rate=gateway_rate(line)
            )
    spanning = [vlan for vlan in plan.vlan_classes if vlan.name in plan.spanning_vlans]
    if spanning:
        passing = (uplink.device for uplink in config.uplinks.values())
        tree_placement = placement.upload_placement(config, facts, IFB_UP, passing)
        yield from ceiling_tree(
            tree_placement, plan.uplink_rates, spanning, why=phrase("upload ceilings of VLANs")
        )


def _download_trees(config: Config, plan: _DirectionPlan, facts: Facts) -> ShapingNouns:
    meeting = _download_interface(config, plan)
    if meeting:
        tree_placement = placement.download_placement(config, facts, meeting)
        yield from lan_tree(tree_placement, plan.uplink_rates, plan.vlan_classes, plan.rates)
    for vlan in plan.vlan_classes:
        if vlan.name in plan.spanning_vlans:
            device = config.vlan_device(config.vlans[vlan.name])
            tree_placement = placement.download_placement(config, facts, device)
            why = phrase("download ceiling of VLAN {vlan}", vlan=vlan.name)
            yield from ceiling_tree(tree_placement, plan.uplink_rates, (vlan,), why=why)


def _download_interface(config: Config, plan: _DirectionPlan) -> str:
    """Where all downloads pass: the trunk, or a port alone; "" when no line is shaped.

    An IFB when they are several, or when the port's root is taken by its VLAN's ceiling.
    """
    if not plan.shaped_uplinks or not config.vlans:
        return ""
    trunk = config.lan.trunk if config.lan is not None else ""
    places = {vlan.port or trunk for vlan in config.vlans.values()}
    taken = {config.vlan_device(config.vlans[name]) for name in plan.spanning_vlans}
    return places.pop() if len(places) == 1 and not places & taken else IFB_DOWN


def _download_redirects(config: Config, plan: _DirectionPlan) -> Iterator[Redirect]:
    """Where one VLAN has no tag, all of the trunk's pass there once, and not at their devices."""
    if _download_interface(config, plan) != IFB_DOWN:
        return
    mixed = any(vlan.untagged for vlan in config.vlans.values())
    places = (
        physical_port(config, vlan) if mixed else config.vlan_device(vlan)
        for vlan in config.vlans.values()
    )
    for interface in dict.fromkeys(places):
        yield _redirect(interface, IFB_DOWN)


def _upload_redirects(config: Config, plan: _DirectionPlan, facts: Facts) -> Iterator[Redirect]:
    """To the ceilings' tree; without one the hook alone, where the kernel has it.

    A hook that is made, or taken away, stops the interface for some 20 ms: what is sent meanwhile
    is lost (net/sched/sch_api.c, qdisc_graft). A limit of one VLAN must not do that to the others.
    """
    if plan.spanning_vlans or (config.vlans and {"ifb", "u32"} <= facts.features):
        for uplink in config.uplinks.values():
            yield _redirect(uplink.device, IFB_UP if plan.spanning_vlans else NO_REDIRECT_TARGET)


def _redirect(interface: str, to: str) -> Redirect:
    return Redirect(interface=interface, direction="egress", to=to, why=_REDIRECT_WHY[to])


def _class_map_elements(
    config: Config, allocation: Allocation, up: _DirectionPlan, down: _DirectionPlan
) -> Iterator[tuple[str, str]]:
    meeting = _download_interface(config, down)
    for uplink in config.uplinks.values():
        for vlan in config.vlans.values():
            device = config.vlan_device(vlan)
            number = classid(
                uplink=allocation.uplinks[uplink.name], vlan=allocation.vlans[vlan.name]
            )
            if uplink.name in up.shaped_uplinks or vlan.name in up.spanning_vlans:
                yield _class_map_element(device, uplink.device, number)
            if meeting or vlan.name in down.spanning_vlans:
                yield _class_map_element(uplink.device, device, (down.major, number[1]))
    if meeting:
        local = (down.major, LOCAL_TRAFFIC_MINOR)
        # Both ways between VLANs that may reach each other; the default class is not for
        # them.
        for vlan in config.vlans.values():
            for name in vlan.reach:
                here, there = config.vlan_device(vlan), config.vlan_device(config.vlans[name])
                yield _class_map_element(here, there, local)
                yield _class_map_element(there, here, local)


def _class_map_element(incoming: str, outgoing: str, number: tuple[int, int]) -> tuple[str, str]:
    return f"{incoming} . {outgoing}", classid_text(number)


def _direction_shortfalls(plan: _DirectionPlan, direction: Direction) -> Iterable[Shortfall]:
    """Shortfalls, only if something is shaped: else there are no guarantees."""
    return shortfalls(plan.rates, plan.demands, direction) if plan.shaped_uplinks else ()
