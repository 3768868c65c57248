"""Queueing disciplines, HTB classes and redirects: what is there, and ours, in the words we use.

The kernel's roundings are undone here: rates come in bytes per second, bursts as ticks of 64 ns,
CoDel's times in units of 1.024 us. A value of `compile.shaping.htb` is read back equal.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import replace
from struct import Struct
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.rtnl import RTM_GETQDISC, RTM_GETTCLASS, RTM_GETTFILTER
from pyroute2.netlink.rtnl.tcmsg import tcmsg

from lbrouter.compile.shaping.htb import HTB_MAJORS, burst_bytes, htb_root, kernel_codel_us
from lbrouter.kernel.netlink.codec import RawMessage
from lbrouter.kernel.netlink.object_dump import dump_raw
from lbrouter.kernel.netlink.uapi import TC_H_ROOT, TCA_KIND
from lbrouter.kernel.objects.link import list_links
from lbrouter.model.facts import ObserveScope
from lbrouter.model.kernel_state import HtbClass, Qdisc, Redirect
from lbrouter.model.reserved_ids import DEVICE_ALIAS, QDISC_HANDLES

TC_H_CLSACT: Final = 0xFFFFFFF1
INGRESS_HANDLE: Final = 0xFFFF0000

CLSACT_HOOKS: Final[Mapping[str, int]] = {"ingress": 0xFFFFFFF2, "egress": 0xFFFFFFF3}
"""Where a clsact takes filters (linux/pkt_sched.h, TC_H_MIN_INGRESS and _EGRESS)."""

FILTER_PREFERENCE: Final = QDISC_HANDLES[0]
"""Preference of our filters: it tells them from others in the same clsact."""


HTB_VERSION: Final = 3
LINKLAYER_ETHERNET: Final = 1
MAX_32_BIT: Final = 2**32 - 1

TICK_NS: Final = 64
"""PSCHED_SHIFT of include/net/pkt_sched.h."""

TCMSG_WITHOUT_PADDING: Final = Struct("=BxHiIII")
"""linux/rtnetlink.h: family, padding, index, handle, parent, info."""

# linux/rtnetlink.h, pkt_sched.h, pkt_cls.h, tc_act/tc_mirred.h: numbers of attributes.
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
CAKE_DIFFSERV_MODES: Final = {"besteffort": 3}
CAKE_FLOW_MODES: Final = {"dual-srchost": 5, "dual-dsthost": 6}
CAKE_NAT_MODES: Final = {"nat": 1, "nonat": 0}

TCA_U32_ACT: Final = 7
REDIRECT_PATH: Final = (TCA_OPTIONS, TCA_U32_ACT, 1, 2, 2)
"""The filter's actions, the first one, TCA_ACT_OPTIONS, TCA_MIRRED_PARMS."""

UNKNOWN_INTERFACE: Final = "?"
"""Where a redirect leads whose interface is gone."""

RATESPEC: Final = "BBHhHI"
HTB_OPT: Final = Struct(f"={RATESPEC}{RATESPEC}IIIII")
"""Rate and ceiling (bytes per second last), then buffer, cbuffer, quantum, level, prio."""

HTB_GLOB: Final = Struct("=IIIII")
"""Version, rate2quantum, default, debug, direct packets."""

TC_MIRRED: Final = Struct("=IIiiiiI")
"""The fields of every action, then the kind of redirection and the interface."""


def tc_message(*, index: int, parent: int = 0, handle: int = 0, info: int = 0) -> Any:
    """A tc message (struct tcmsg) without attributes."""
    message = tcmsg()
    for name, value in {"index": index, "parent": parent, "handle": handle, "info": info}.items():
        message[name] = value
    return message


def us_to_ticks(microseconds: int) -> int:
    """Whole microseconds in the kernel's ticks, rounded down; `_ticks_to_us` undoes it."""
    return microseconds * 1000 // TICK_NS


def _ticks_to_us(count: int) -> int:
    return (2 * count * TICK_NS + 1000) // 2000


async def observe(
    ipr: AsyncIPRoute, scope: ObserveScope
) -> tuple[frozenset[Qdisc], frozenset[HtbClass], frozenset[Redirect]]:
    """What is ours on the interfaces of `scope` and on our own devices.

    A root of ours that is not as we create it is shown without what is below it: it can only be
    created again, and its classes and queues go with it.
    """
    links = await list_links(ipr)
    names = {link.index: link.name for link in links}
    scanned = {
        link.index: link.name
        for link in links
        if link.name in scope.interfaces or link.alias == DEVICE_ALIAS
    }
    present = [answer for answer in await _list_qdiscs(ipr) if _index(answer) in scanned]
    roots = [
        Qdisc(
            interface=scanned[_index(answer)],
            handle=_handle(answer) >> 16,
            parent="root",
            kind=answer.text(TCA_KIND),
            options=_decode_options(answer),
        )
        for answer in present
        if _parent(answer) == TC_H_ROOT and _handle(answer) >> 16 in QDISC_HANDLES
    ]
    intact = {root.interface for root in roots if _is_intact(root)}
    standing = {index: name for index, name in scanned.items() if name in intact}
    leaves = (_decode_leaf(answer, standing) for answer in present if _index(answer) in standing)
    return (
        frozenset((*roots, *(leaf for leaf in leaves if leaf is not None))),
        frozenset([htb_class async for htb_class in _observe_classes(ipr, standing)]),
        frozenset([redirect async for redirect in _observe_redirects(ipr, present, names)]),
    )


async def root_handle(ipr: AsyncIPRoute, index: int) -> int:
    """Handle of the qdisc at the root of interface `index`; 0 for one that the kernel put there."""
    answers = (answer for answer in await _list_qdiscs(ipr) if _index(answer) == index)
    return next((_handle(answer) for answer in answers if _parent(answer) == TC_H_ROOT), 0)


async def list_filters(ipr: AsyncIPRoute, index: int, hook: int) -> list[RawMessage]:
    """Filters in one hook of a clsact; a u32 shows its hash tables too, which are left out."""
    answers = await dump_raw(
        ipr, tc_message(index=index, parent=hook), RTM_GETTFILTER, TCMSG_WITHOUT_PADDING
    )
    return [answer for answer in answers if _parent(answer) == hook and _handle(answer) & 0xFFF]


def is_ours(answer: RawMessage) -> bool:
    """Whether a filter carries our preference."""
    return answer.fields[5] >> 16 == FILTER_PREFERENCE


def _is_intact(root: Qdisc) -> bool:
    """Whether a root is as we create it, of either major."""
    as_made = htb_root(root.interface, "")
    return root.handle in HTB_MAJORS and root == replace(as_made, handle=root.handle)


def _index(answer: RawMessage) -> int:
    return answer.fields[2]


def _handle(answer: RawMessage) -> int:
    return answer.fields[3]


def _parent(answer: RawMessage) -> int:
    return answer.fields[4]


async def _list_qdiscs(ipr: AsyncIPRoute) -> list[RawMessage]:
    return await dump_raw(ipr, tc_message(index=0), RTM_GETQDISC, TCMSG_WITHOUT_PADDING)


def _decode_leaf(answer: RawMessage, names: Mapping[int, str]) -> Qdisc | None:
    """The kernel numbers leaves by itself: their handles are left out."""
    parent = _classid_pair(_parent(answer))
    if parent[0] not in HTB_MAJORS:
        return None
    return Qdisc(
        interface=names[_index(answer)],
        handle=0,
        parent=parent,
        kind=answer.text(TCA_KIND),
        options=_decode_options(answer),
    )


def _decode_options(answer: RawMessage) -> tuple[tuple[str, int | str], ...]:
    """Those that we set; none for a kind that we never use (and so do not know how to read)."""
    match answer.text(TCA_KIND):
        case "htb":
            default = HTB_GLOB.unpack(answer.nested(TCA_OPTIONS, TCA_HTB_INIT))[2]
            return (("default", f"{default:#x}"),)
        case "pfifo":
            return (("limit", answer.integer(TCA_OPTIONS)),)
        case "fq_codel":
            # Rounded down twice, when set and when shown: one more leads back to the same unit.
            target = int.from_bytes(answer.nested(TCA_OPTIONS, TCA_FQ_CODEL_TARGET), "little")
            return (("target", f"{kernel_codel_us(target + 1)}us"),)
        case "cake":
            return tuple(sorted(_decode_cake(answer)))
        case _:
            return ()


def _decode_cake(answer: RawMessage) -> Iterator[tuple[str, int | str]]:
    """Whether it is fair between sources or destinations, and sees them before NAT."""
    yield _cake_word(answer, TCA_CAKE_DIFFSERV_MODE, CAKE_DIFFSERV_MODES), ""
    yield _cake_word(answer, TCA_CAKE_FLOW_MODE, CAKE_FLOW_MODES), ""
    yield _cake_word(answer, TCA_CAKE_NAT, CAKE_NAT_MODES), ""
    yield "rtt", f"{_cake_number(answer, TCA_CAKE_RTT)}us"


def _cake_word(answer: RawMessage, number: int, words: Mapping[str, int]) -> str:
    value = _cake_number(answer, number)
    return next(
        (word for word, number_of_word in words.items() if number_of_word == value), f"?{value}"
    )


def _cake_number(answer: RawMessage, number: int) -> int:
    return int.from_bytes(answer.nested(TCA_OPTIONS, number), "little")


async def _observe_classes(ipr: AsyncIPRoute, names: Mapping[int, str]) -> AsyncIterator[HtbClass]:
    for index, name in names.items():
        for answer in await dump_raw(
            ipr, tc_message(index=index), RTM_GETTCLASS, TCMSG_WITHOUT_PADDING
        ):
            if answer.text(TCA_KIND) == "htb" and _handle(answer) >> 16 in HTB_MAJORS:
                yield _decode_class(answer, name)


def _decode_class(answer: RawMessage, interface: str) -> HtbClass:
    fields = HTB_OPT.unpack(answer.nested(TCA_OPTIONS, TCA_HTB_PARMS))
    _, _, overhead, _, mpu, _ = fields[:6]
    buffer, cbuffer, quantum, _, prio = fields[12:]
    rate = 8 * (_rate64(answer, TCA_HTB_RATE64) or fields[5])
    ceil = 8 * (_rate64(answer, TCA_HTB_CEIL64) or fields[11])
    classid, parent = _classid_pair(_handle(answer)), _parent(answer)
    return HtbClass(
        interface=interface,
        classid=classid,
        parent=(classid[0], 0) if parent == TC_H_ROOT else _classid_pair(parent),
        rate=rate,
        ceil=ceil,
        burst=burst_bytes(rate, _ticks_to_us(buffer)),
        cburst=burst_bytes(ceil, _ticks_to_us(cbuffer)),
        quantum=quantum,
        prio=prio,
        overhead=overhead,
        mpu=mpu,
    )


def _rate64(answer: RawMessage, number: int) -> int:
    """A rate that needs 64 bits; 0 where 32 are enough."""
    return int.from_bytes(answer.nested(TCA_OPTIONS, number), "little")


async def _observe_redirects(
    ipr: AsyncIPRoute, present: Iterable[RawMessage], names: Mapping[int, str]
) -> AsyncIterator[Redirect]:
    for index in (_index(answer) for answer in present if _handle(answer) == INGRESS_HANDLE):
        for direction, hook in CLSACT_HOOKS.items():
            for answer in await list_filters(ipr, index, hook):
                if is_ours(answer):
                    to = (
                        names.get(_redirect_target(answer), UNKNOWN_INTERFACE)
                        if answer.nested(TCA_OPTIONS, TCA_U32_ACT)
                        else ""
                    )
                    yield Redirect(interface=names[index], direction=direction, to=to)


def _redirect_target(answer: RawMessage) -> int:
    """Index of the interface that a filter redirects to; 0 when that one is gone."""
    content = answer.nested(*REDIRECT_PATH)
    return int(TC_MIRRED.unpack_from(content)[6]) if len(content) >= TC_MIRRED.size else 0


def _classid_pair(number: int) -> tuple[int, int]:
    return (number >> 16, number & 0xFFFF)
