"""Queueing disciplines, HTB classes and redirects: what is there, and ours, in the words we use.

The kernel's roundings are undone here: rates come in bytes per second, bursts as ticks of 64 ns,
CoDel's times in units of 1.024 us. What was asked for by `compile.shaping.htb` comes back equal.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from struct import Struct
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.rtnl import RTM_GETQDISC, RTM_GETTCLASS, RTM_GETTFILTER
from pyroute2.netlink.rtnl.tcmsg import tcmsg

from lbrouter.compile.shaping.htb import MAJOR, burst_bytes, codel_us, htb
from lbrouter.kernel.netlink.codec import Answer, read
from lbrouter.kernel.objects.link import Link, links
from lbrouter.model.facts import Scope
from lbrouter.model.kernel_state import HtbClass, Qdisc, Redirect
from lbrouter.model.reserved_ids import ALIAS, HANDLES

ROOT: Final = 0xFFFFFFFF
CLSACT: Final = 0xFFFFFFF1
INGRESS_HANDLE: Final = 0xFFFF0000

HOOKS: Final[Mapping[str, int]] = {"ingress": 0xFFFFFFF2, "egress": 0xFFFFFFF3}
"""Where a clsact takes filters (linux/pkt_sched.h, TC_H_MIN_INGRESS and _EGRESS)."""

PREF: Final = HANDLES[0]
"""Preference of our filters: how they are told from others in the same clsact."""

ETH_P_ALL: Final = 0x0300
"""All protocols (3) in network order, as a filter's `info` wants it."""

HTB_VERSION: Final = 3
LINKLAYER_ETHERNET: Final = 1
MAX_32_BIT: Final = 2**32 - 1

TICK_NS: Final = 64
"""PSCHED_SHIFT of include/net/pkt_sched.h."""

TCMSG: Final = Struct("=BxHiIII")
"""linux/rtnetlink.h: family, padding, index, handle, parent, info."""

# linux/rtnetlink.h, pkt_sched.h, pkt_cls.h, tc_act/tc_mirred.h: numbers of attributes.
TCA_KIND: Final = 1
TCA_OPTIONS: Final = 2
TCA_HTB_PARMS: Final = 1
TCA_HTB_INIT: Final = 2
TCA_HTB_RATE64: Final = 6
TCA_HTB_CEIL64: Final = 7
TCA_FQ_CODEL_TARGET: Final = 1
TCA_CAKE_DIFFSERV_MODE: Final = 3
TCA_CAKE_FLOW_MODE: Final = 5
TCA_CAKE_RTT: Final = 7
TCA_CAKE_NAT: Final = 11

# linux/pkt_sched.h: values of those, by the words that tc has for them; only what we ask for.
CAKE_TINS: Final = {"besteffort": 3}
CAKE_FLOWS: Final = {"dual-srchost": 5, "dual-dsthost": 6}
CAKE_NAT: Final = {"nat": 1, "nonat": 0}

TCA_U32_ACT: Final = 7
REDIRECT_PATH: Final = (TCA_OPTIONS, TCA_U32_ACT, 1, 2, 2)
"""The filter's actions, the first one, TCA_ACT_OPTIONS, TCA_MIRRED_PARMS."""

LOST: Final = "?"
"""Where a redirect leads whose interface is gone."""

RATESPEC: Final = "BBHhHI"
HTB_OPT: Final = Struct(f"={RATESPEC}{RATESPEC}IIIII")
"""Rate and ceiling (bytes per second last), then buffer, cbuffer, quantum, level, prio."""

HTB_GLOB: Final = Struct("=IIIII")
"""Version, rate2quantum, default, debug, direct packets."""

MIRRED: Final = Struct("=IIiiiiI")
"""The fields of every action, then the kind of redirection and the interface."""


def message(*, index: int, parent: int = 0, handle: int = 0, info: int = 0) -> Any:
    """A tc message (struct tcmsg) without attributes."""
    found = tcmsg()
    for name, value in {"index": index, "parent": parent, "handle": handle, "info": info}.items():
        found[name] = value
    return found


def ticks(microseconds: int) -> int:
    """Whole microseconds in the kernel's ticks, rounded down; `_microseconds` undoes it."""
    return microseconds * 1000 // TICK_NS


def _microseconds(count: int) -> int:
    return (2 * count * TICK_NS + 1000) // 2000


async def observe(
    ipr: AsyncIPRoute, scope: Scope
) -> tuple[frozenset[Qdisc], frozenset[HtbClass], frozenset[Redirect]]:
    """What is ours on the interfaces of `scope` and on our own devices.

    A root of ours that is not as we build it is shown without what hangs below it: it can only be
    built anew, and takes its classes and queues along.
    """
    found = await links(ipr)
    names = {each.index: each.name for each in found}
    scanned = {each.index: each.name for each in found if _is_scanned(each, scope)}
    present = [each for each in await _qdiscs(ipr) if _index(each) in scanned]
    roots = [_root(each, scanned) for each in present if _is_our_root(each)]
    intact = {root.interface for root in roots if root == htb(root.interface, "")}
    standing = {index: name for index, name in scanned.items() if name in intact}
    leaves = (_leaf(each, standing) for each in present if _index(each) in standing)
    return (
        frozenset((*roots, *(leaf for leaf in leaves if leaf is not None))),
        frozenset([each async for each in _classes(ipr, standing)]),
        frozenset([each async for each in _redirects(ipr, present, names)]),
    )


async def root_handle(ipr: AsyncIPRoute, index: int) -> int:
    """Handle of the qdisc at the root of interface `index`; 0 for one that the kernel put there."""
    found = (each for each in await _qdiscs(ipr) if _index(each) == index)
    return next((_handle(each) for each in found if _parent(each) == ROOT), 0)


async def filters(ipr: AsyncIPRoute, index: int, hook: int) -> list[Answer]:
    """Filters in one hook of a clsact; a u32 shows its hash tables too, which are left out."""
    found = await read(ipr, message(index=index, parent=hook), RTM_GETTFILTER, TCMSG)
    return [each for each in found if _parent(each) == hook and _handle(each) & 0xFFF]


def is_ours(found: Answer) -> bool:
    """Whether a filter carries our preference."""
    return found.fields[5] >> 16 == PREF


def _index(found: Answer) -> int:
    return found.fields[2]


def _handle(found: Answer) -> int:
    return found.fields[3]


def _parent(found: Answer) -> int:
    return found.fields[4]


def _is_scanned(link: Link, scope: Scope) -> bool:
    return link.name in scope.interfaces or link.alias == ALIAS


async def _qdiscs(ipr: AsyncIPRoute) -> list[Answer]:
    return await read(ipr, message(index=0), RTM_GETQDISC, TCMSG)


def _is_our_root(found: Answer) -> bool:
    return _parent(found) == ROOT and _handle(found) >> 16 in HANDLES


def _root(found: Answer, names: Mapping[int, str]) -> Qdisc:
    return Qdisc(
        interface=names[_index(found)],
        handle=_handle(found) >> 16,
        parent="root",
        kind=found.text(TCA_KIND),
        options=_options(found),
    )


def _leaf(found: Answer, names: Mapping[int, str]) -> Qdisc | None:
    """The kernel numbers leaves by itself: their handles are nobody's concern."""
    parent = _pair(_parent(found))
    if parent[0] != MAJOR:
        return None
    return Qdisc(
        interface=names[_index(found)],
        handle=0,
        parent=parent,
        kind=found.text(TCA_KIND),
        options=_options(found),
    )


def _options(found: Answer) -> tuple[tuple[str, int | str], ...]:
    """Those that we set; none for a kind that we never use (and so do not know how to read)."""
    match found.text(TCA_KIND):
        case "htb":
            default = HTB_GLOB.unpack(found.nested(TCA_OPTIONS, TCA_HTB_INIT))[2]
            return (("default", f"{default:#x}"),)
        case "pfifo":
            return (("limit", found.number(TCA_OPTIONS)),)
        case "fq_codel":
            # Rounded down twice, when set and when shown: one more leads back to the same unit.
            target = int.from_bytes(found.nested(TCA_OPTIONS, TCA_FQ_CODEL_TARGET), "little")
            return (("target", f"{codel_us(target + 1)}us"),)
        case "cake":
            return tuple(sorted(_cake(found)))
        case _:
            return ()


def _cake(found: Answer) -> Iterator[tuple[str, int | str]]:
    """Whether it is fair between sources or destinations, and sees them before NAT."""
    yield _word(found, TCA_CAKE_DIFFSERV_MODE, CAKE_TINS), ""
    yield _word(found, TCA_CAKE_FLOW_MODE, CAKE_FLOWS), ""
    yield _word(found, TCA_CAKE_NAT, CAKE_NAT), ""
    yield "rtt", f"{_cake_number(found, TCA_CAKE_RTT)}us"


def _word(found: Answer, number: int, words: Mapping[str, int]) -> str:
    value = _cake_number(found, number)
    return next((word for word, each in words.items() if each == value), f"?{value}")


def _cake_number(found: Answer, number: int) -> int:
    return int.from_bytes(found.nested(TCA_OPTIONS, number), "little")


async def _classes(ipr: AsyncIPRoute, names: Mapping[int, str]) -> AsyncIterator[HtbClass]:
    for index, name in names.items():
        for found in await read(ipr, message(index=index), RTM_GETTCLASS, TCMSG):
            if found.text(TCA_KIND) == "htb" and _handle(found) >> 16 == MAJOR:
                yield _class(found, name)


def _class(found: Answer, interface: str) -> HtbClass:
    fields = HTB_OPT.unpack(found.nested(TCA_OPTIONS, TCA_HTB_PARMS))
    _, _, overhead, _, mpu, _ = fields[:6]
    buffer, cbuffer, quantum, _, prio = fields[12:]
    rate = 8 * (_wide(found, TCA_HTB_RATE64) or fields[5])
    ceil = 8 * (_wide(found, TCA_HTB_CEIL64) or fields[11])
    return HtbClass(
        interface=interface,
        classid=_pair(_handle(found)),
        parent=(MAJOR, 0) if _parent(found) == ROOT else _pair(_parent(found)),
        rate=rate,
        ceil=ceil,
        burst=burst_bytes(rate, _microseconds(buffer)),
        cburst=burst_bytes(ceil, _microseconds(cbuffer)),
        quantum=quantum,
        prio=prio,
        overhead=overhead,
        mpu=mpu,
    )


def _wide(found: Answer, number: int) -> int:
    """A rate that needs 64 bits; 0 where 32 are enough."""
    return int.from_bytes(found.nested(TCA_OPTIONS, number), "little")


async def _redirects(
    ipr: AsyncIPRoute, present: Iterable[Answer], names: Mapping[int, str]
) -> AsyncIterator[Redirect]:
    for index in (_index(each) for each in present if _handle(each) == INGRESS_HANDLE):
        for direction, hook in HOOKS.items():
            for found in await filters(ipr, index, hook):
                if is_ours(found):
                    to = names.get(_target(found), LOST) if _redirects_at_all(found) else ""
                    yield Redirect(interface=names[index], direction=direction, to=to)


def _redirects_at_all(found: Answer) -> bool:
    return bool(found.nested(TCA_OPTIONS, TCA_U32_ACT))


def _target(found: Answer) -> int:
    """Index of the interface that a filter redirects to; 0 when that one is gone."""
    content = found.nested(*REDIRECT_PATH)
    return int(MIRRED.unpack_from(content)[6]) if len(content) >= MIRRED.size else 0


def _pair(number: int) -> tuple[int, int]:
    return (number >> 16, number & 0xFFFF)
