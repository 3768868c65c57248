"""Bandwidth: from rates, guarantees and ceilings to qdiscs, classes and the map that feeds them.

A packet is classified once, by the nft map `class_of` (incoming interface . outgoing interface),
and is then shaped where it passes: at the uplink's egress (upload), at the trunk (download), and
before that at its VLAN's ceiling, where that must hold over several uplinks.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.shaping import placement
from lbrouter.compile.shaping.change_order import order_classes
from lbrouter.compile.shaping.class_trees import (
    Lane,
    Line,
    Nouns,
    ceiling_tree,
    lan_tree,
    uplink_tree,
)
from lbrouter.compile.shaping.demand import (
    Direction,
    capacity,
    demands,
    lanes,
    lines,
    own_rate,
    room,
    spans,
    too_small,
)
from lbrouter.compile.shaping.guarantees import Demand, Pair, Shortfall, share_out, shortfalls
from lbrouter.compile.shaping.htb import LOCAL, MAJOR, classid, classid_text
from lbrouter.compile.shaping.overrides import limited
from lbrouter.compile.state import foreign_qdiscs
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import Health
from lbrouter.model.kernel_state import (
    Device,
    DeviceKind,
    Elements,
    HtbClass,
    LinkFlag,
    Qdisc,
    Redirect,
)

__all__ = ["IFB_DOWN", "IFB_UP", "Shaping", "order_classes", "shape", "short"]

IFB_DOWN: Final = "lbr-down"
"""Where downloads meet when the LAN is several ports."""

IFB_UP: Final = "lbr-up"
"""Where uploads meet before they part to the uplinks, for the VLANs' ceilings."""

NOWHERE: Final = ""
"""A redirect to nowhere lets everything pass: it keeps the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaping:
    """All that shapes: devices and classes for the kernel, elements of the nft map `class_of`.

    `elements` are in plain words: ("eth1 . eth0", "4c01:1012"). `shortfalls` are guarantees
    that what is left of the uplinks cannot meet.
    """

    devices: frozenset[Device] = frozenset()
    links: frozenset[LinkFlag] = frozenset()
    qdiscs: frozenset[Qdisc] = frozenset()
    classes: frozenset[HtbClass] = frozenset()
    redirects: frozenset[Redirect] = frozenset()
    elements: Elements = frozenset()
    warnings: tuple[str, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One direction, worked out: lines, lanes, what each wants and what it gets."""

    lines: tuple[Line, ...]
    lanes: tuple[Lane, ...]
    demands: tuple[Demand, ...]
    rates: Mapping[Pair, int]
    shaped: frozenset[str]
    """Uplinks whose line is limited here."""
    spanning: frozenset[str]
    """VLANs whose ceiling has a tree of its own."""


def shape(config: Config, *, allocation: Allocation, health: Health, facts: Facts) -> Shaping:
    """Everything that shaping needs in the kernel, for any configuration and health."""
    config = limited(config, health.limits)
    up = _way(config, Direction.UPLOAD, allocation, health, facts)
    down = _way(config, Direction.DOWNLOAD, allocation, health, facts)
    there = _there(config, facts)
    redirects = [  # also where somebody else shapes: the hook stands before any root
        redirect
        for redirect in (*_up_redirects(config, up, facts), *_down_redirects(config, down))
        if redirect.interface in there
    ]
    ifbs = sorted({redirect.to for redirect in redirects} - {NOWHERE})
    nouns = [
        _placed(noun, facts)
        for noun in (*_uploads(config, up, facts), *_downloads(config, down, facts))
        if noun.interface in there | {*ifbs}
        and not foreign_qdiscs.is_blocked(facts, noun.interface)
    ]
    queues = placement.doubts(config, facts) if nouns else ()
    tiny = (sentence for direction in Direction for sentence in too_small(config, direction))
    return Shaping(
        devices=frozenset(Device(name=i, kind=DeviceKind.IFB, why=_WHY[i]) for i in ifbs),
        links=frozenset(LinkFlag(interface=i, up=True, why=_WHY[i]) for i in ifbs),
        qdiscs=frozenset(noun for noun in nouns if isinstance(noun, Qdisc)),
        classes=frozenset(noun for noun in nouns if isinstance(noun, HtbClass)),
        redirects=frozenset(redirects),
        elements=frozenset(_elements(config, allocation, up, down)),
        warnings=(*queues, *tiny),
        shortfalls=(*_short(up, Direction.UPLOAD), *_short(down, Direction.DOWNLOAD)),
    )


def short(
    config: Config, *, allocation: Allocation, health: Health, facts: Facts
) -> tuple[Shortfall, ...]:
    """Guarantees that what is left of the uplinks cannot meet, without the trees."""
    up = _way(config, Direction.UPLOAD, allocation, health, facts)
    down = _way(config, Direction.DOWNLOAD, allocation, health, facts)
    return (*_short(up, Direction.UPLOAD), *_short(down, Direction.DOWNLOAD))


def _placed(noun: Qdisc | HtbClass, facts: Facts) -> Qdisc | HtbClass:
    if isinstance(noun, Qdisc) and noun.parent == "root":
        return foreign_qdiscs.in_its_place(noun, facts)
    return noun


_WHY: Final = {
    NOWHERE: "a limit can be hung in here without a packet being lost",
    IFB_DOWN: "downloads meet here: the LAN is several ports",
    IFB_UP: "uploads meet here, so that a VLAN's ceiling holds over all uplinks",
}


def _there(config: Config, facts: Facts) -> frozenset[str]:
    """Interfaces that exist, or will: a line that is unplugged is shaped when it comes back."""
    trunk = config.lan.trunk if config.lan is not None else ""
    tagged = (v for v in config.vlans.values() if v.id is not None and trunk in facts.interfaces)
    return frozenset((*facts.interfaces, *map(config.device_of, tagged)))


def _way(
    config: Config, direction: Direction, allocation: Allocation, health: Health, facts: Facts
) -> _Way:
    each = lines(config, allocation, direction)
    wanted = demands(config, direction, health, facts)
    return _Way(
        lines=each,
        lanes=lanes(config, allocation, direction),
        demands=wanted,
        rates=share_out({line.name: room(line, direction) for line in each}, wanted),
        shaped=frozenset(n for n, u in config.uplinks.items() if capacity(u, direction)),
        spanning=frozenset(n for n, v in config.vlans.items() if spans(config, v, direction)),
    )


def _uploads(config: Config, way: _Way, facts: Facts) -> Nouns:
    for line in way.lines:
        if line.name in way.shaped:
            device = config.uplinks[line.name].device
            plot = placement.upload_plot(config, facts, device, (device,))
            yield from uplink_tree(plot, line, way.lanes, way.rates, own=own_rate(line))
    spanning = [lane for lane in way.lanes if lane.name in way.spanning]
    if spanning:
        passing = (uplink.device for uplink in config.uplinks.values())
        plot = placement.upload_plot(config, facts, IFB_UP, passing)
        yield from ceiling_tree(plot, way.lines, spanning, why="upload ceilings of VLANs")


def _downloads(config: Config, way: _Way, facts: Facts) -> Nouns:
    meeting = _meeting_place(config, way)
    if meeting:
        plot = placement.download_plot(config, facts, meeting)
        yield from lan_tree(plot, way.lines, way.lanes, way.rates)
    for lane in way.lanes:
        if lane.name in way.spanning:
            device = config.device_of(config.vlans[lane.name])
            plot = placement.download_plot(config, facts, device)
            why = f"download ceiling of VLAN {lane.name}"
            yield from ceiling_tree(plot, way.lines, (lane,), why=why)


def _meeting_place(config: Config, way: _Way) -> str:
    """Where all downloads pass: the trunk, or a port alone; "" when no line is shaped.

    An IFB when they are several, or when the port's root is taken by its VLAN's ceiling.
    """
    if not way.shaped or not config.vlans:
        return ""
    trunk = config.lan.trunk if config.lan is not None else ""
    places = {vlan.port or trunk for vlan in config.vlans.values()}
    taken = {config.device_of(config.vlans[name]) for name in way.spanning}
    return places.pop() if len(places) == 1 and not places & taken else IFB_DOWN


def _down_redirects(config: Config, way: _Way) -> Iterator[Redirect]:
    if _meeting_place(config, way) == IFB_DOWN:
        for vlan in config.vlans.values():
            yield _redirect(config.device_of(vlan), IFB_DOWN)


def _up_redirects(config: Config, way: _Way, facts: Facts) -> Iterator[Redirect]:
    """To the ceilings' tree; without one the hook alone, where the kernel has it.

    A hook that is made, or taken away, stops the interface for some 20 ms: what is sent meanwhile
    is lost (net/sched/sch_api.c, qdisc_graft). A limit of one VLAN must not do that to the others.
    """
    if way.spanning or (config.vlans and {"ifb", "u32"} <= facts.features):
        for uplink in config.uplinks.values():
            yield _redirect(uplink.device, IFB_UP if way.spanning else NOWHERE)


def _redirect(interface: str, to: str) -> Redirect:
    return Redirect(interface=interface, direction="egress", to=to, why=_WHY[to])


def _elements(
    config: Config, allocation: Allocation, up: _Way, down: _Way
) -> Iterator[tuple[str, str]]:
    meeting = _meeting_place(config, down)
    for uplink in config.uplinks.values():
        for vlan in config.vlans.values():
            device = config.device_of(vlan)
            number = classid(
                uplink=allocation.uplinks[uplink.name], vlan=allocation.vlans[vlan.name]
            )
            if uplink.name in up.shaped or vlan.name in up.spanning:
                yield _element(device, uplink.device, number)
            if meeting or vlan.name in down.spanning:
                yield _element(uplink.device, device, number)
    if meeting:
        yield from _local(config)


def _local(config: Config) -> Iterator[tuple[str, str]]:
    """Both ways between VLANs that may reach each other; the default class is not for them."""
    for vlan in config.vlans.values():
        for name in vlan.reach:
            here, there = config.device_of(vlan), config.device_of(config.vlans[name])
            yield _element(here, there, (MAJOR, LOCAL))
            yield _element(there, here, (MAJOR, LOCAL))


def _element(incoming: str, outgoing: str, number: tuple[int, int]) -> tuple[str, str]:
    return f"{incoming} . {outgoing}", classid_text(number)


def _short(way: _Way, direction: Direction) -> Iterable[Shortfall]:
    """Only where something is shaped: elsewhere nobody can promise anything, or break it."""
    return shortfalls(way.rates, way.demands, direction) if way.shaped else ()
