"""Queueing disciplines, HTB classes and redirects: the operations.

Ours are recognised by the handle of the root (`QDISC_HANDLES`) and the preference of a filter
(`FILTER_PREFERENCE`). Changing a class or a queue in place loses no packet; a queue is built again
(another handle, another kind, another parent) only where the old one was damaged by hand.
"""

import errno
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from socket import if_nametoindex
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.rtnl import (
    RTM_DELQDISC,
    RTM_DELTCLASS,
    RTM_DELTFILTER,
    RTM_NEWQDISC,
    RTM_NEWTCLASS,
    RTM_NEWTFILTER,
)

from lbrouter.compile.shaping.htb import GATEWAY_MINOR, HTB_MAJOR
from lbrouter.kernel.netlink.client import (
    CREATE_FLAGS,
    OBJECT_ABSENT_ERRNOS,
    REPLACE_FLAGS,
    REQUEST_FLAGS,
    NetlinkError,
    send,
    tolerate,
)
from lbrouter.kernel.netlink.uapi import ETH_P_ALL_BE, TC_H_ROOT
from lbrouter.kernel.objects.htb_options import htb_options
from lbrouter.kernel.objects.qdisc_read import (
    CAKE_DIFFSERV_MODES,
    CAKE_FLOW_MODES,
    CAKE_NAT_MODES,
    CLSACT_HOOKS,
    FILTER_PREFERENCE,
    HTB_VERSION,
    INGRESS_HANDLE,
    TC_H_CLSACT,
    is_ours,
    list_filters,
    observe,
    root_handle,
    tc_message,
)
from lbrouter.kernel.refusals import missing_feature
from lbrouter.model.errors import DefectError, NotAppliedError, UnavailableError
from lbrouter.model.kernel_state import HtbClass, Qdisc, Redirect
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.plan import Operation
from lbrouter.model.reserved_ids import QDISC_HANDLES

__all__ = ["execute", "observe"]

CAKE_OPTION_VALUES: Final[Mapping[str, Mapping[str, int]]] = {
    "TCA_CAKE_DIFFSERV_MODE": CAKE_DIFFSERV_MODES,
    "TCA_CAKE_FLOW_MODE": CAKE_FLOW_MODES,
    "TCA_CAKE_NAT": CAKE_NAT_MODES,
}

QDISC_ABSENT_ERRNOS: Final = OBJECT_ABSENT_ERRNOS | {errno.EINVAL}
"""EINVAL: another qdisc than the one named stands at the root (net/sched/sch_api.c)."""


async def execute(ipr: AsyncIPRoute, operation: Operation) -> None:
    """Carry out one operation on a qdisc, a class or a redirect; doing it twice is no error.

    Raises NetlinkError, UnavailableError (the kernel lacks the kind), NotAppliedError (a foreign
    qdisc is in the way, or the interface is absent).
    """
    if operation.new is None:
        await _remove(ipr, operation.old)
        return
    match operation.new:
        case Qdisc(parent="root") as root:
            await _set_root(ipr, root, operation.old)
        case Qdisc() as leaf:
            await _set_qdisc(ipr, leaf, REPLACE_FLAGS)
        case HtbClass() as htb_class:
            request = tc_message(
                index=_interface_index(htb_class.interface),
                parent=_classid_number(htb_class.parent),
                handle=_classid_number(htb_class.classid),
            )
            request["attrs"] = [
                ("TCA_KIND", "htb"),
                ("TCA_OPTIONS", {"attrs": htb_options(htb_class)}),
            ]
            await send(ipr, request, RTM_NEWTCLASS, REPLACE_FLAGS)
        case Redirect() as redirect:
            # A clsact where there is none yet, and in it one filter that matches
            # everything.
            index = _interface_index(redirect.interface)
            clsact = tc_message(index=index, parent=TC_H_CLSACT, handle=INGRESS_HANDLE)
            clsact["attrs"] = [("TCA_KIND", "clsact")]
            await tolerate(frozenset({errno.EEXIST}), send(ipr, clsact, RTM_NEWQDISC, CREATE_FLAGS))
            if operation.old is not None:
                await _delete_filter(ipr, index, redirect.direction)
            await tolerate(
                frozenset({errno.EEXIST}),
                send(ipr, _redirect_filter(redirect), RTM_NEWTFILTER, CREATE_FLAGS),
            )
        case noun:
            raise DefectError(phrase("{key} is not an object of tc.", key=noun.key))


async def _remove(ipr: AsyncIPRoute, old: object) -> None:
    """What hangs below a root that is gone is gone as well, and so is all on a lost interface."""
    with suppress(_InterfaceAbsentError):
        match old:
            case Qdisc() | HtbClass():
                await _delete_qdisc_or_class(ipr, old)
            case Redirect():
                await _remove_redirect(ipr, old)
            case _:
                raise DefectError(phrase("{old} is not an object of tc.", old=repr(old)))


class _InterfaceAbsentError(NotAppliedError):
    """The interface is not there (any more)."""


def _interface_index(interface: str) -> int:
    """Index of an interface of the calling thread's namespace. Raises NotAppliedError."""
    try:
        return if_nametoindex(interface)
    except OSError as error:
        raise _InterfaceAbsentError(
            phrase("Interface {interface} is absent.", interface=interface)
        ) from error


async def _delete_qdisc_or_class(ipr: AsyncIPRoute, old: Qdisc | HtbClass) -> None:
    """The handle is in the request, so that no foreign root is deleted by mistake."""
    index = _interface_index(old.interface)
    if isinstance(old, HtbClass):
        request = tc_message(index=index, handle=_classid_number(old.classid))
        await tolerate(OBJECT_ABSENT_ERRNOS, send(ipr, request, RTM_DELTCLASS, REQUEST_FLAGS))
    else:
        request = tc_message(index=index, parent=_parent_handle(old), handle=old.handle << 16)
        await tolerate(QDISC_ABSENT_ERRNOS, send(ipr, request, RTM_DELQDISC, REQUEST_FLAGS))


async def _set_root(ipr: AsyncIPRoute, root: Qdisc, old: object) -> None:
    """An HTB cannot be changed (it has no such operation), only created again."""
    if isinstance(old, Qdisc) and (old.handle, old.options) != (root.handle, root.options):
        await _delete_qdisc_or_class(ipr, old)
    try:
        await _set_qdisc(ipr, root, CREATE_FLAGS)
    except NetlinkError as error:
        if error.code != errno.EEXIST:
            raise
        standing = await root_handle(ipr, _interface_index(root.interface)) >> 16
        if standing in QDISC_HANDLES:
            return
        if standing != root.replaces:
            where = f"dev {root.interface} root"
            raise NotAppliedError(
                phrase(
                    "Interface {interface} has a queueing discipline of another program at its"
                    " root.",
                    interface=root.interface,
                ),
                remedy=phrase(
                    "Look at it (tc qdisc show {where}); `lbrouter apply --take-over` replaces it,"
                    " and cannot give it back.",
                    where=where,
                ),
            ) from error
        await _delete_qdisc_or_class(ipr, replace(root, handle=standing))
        await _set_qdisc(ipr, root, CREATE_FLAGS)


async def _set_qdisc(ipr: AsyncIPRoute, qdisc: Qdisc, flags: int) -> None:
    """The kernel says ENOENT for a kind that it does not know, and for a missing parent."""
    request = tc_message(
        index=_interface_index(qdisc.interface),
        parent=_parent_handle(qdisc),
        handle=qdisc.handle << 16,
    )
    request["attrs"] = [("TCA_KIND", qdisc.kind), ("TCA_OPTIONS", _qdisc_options(qdisc))]
    try:
        await send(ipr, request, RTM_NEWQDISC, flags)
    except NetlinkError as error:
        if error.code == errno.ENOENT and qdisc.parent == "root":
            raise UnavailableError(
                phrase("{lack}.", lack=as_phrase(missing_feature(qdisc)))
            ) from error
        raise


def _qdisc_options(qdisc: Qdisc) -> dict[str, Any]:
    """A kind that is not listed here would be sent without options, silently: refuse it."""
    options = dict(qdisc.options)
    match qdisc.kind:
        case "htb":
            default = int(str(options["default"]), 16)
            init = {"version": HTB_VERSION, "rate2quantum": 10, "defcls": default}
            return {"attrs": [("TCA_HTB_INIT", init)]}
        case "pfifo":
            return {"limit": options["limit"]}
        case "fq_codel":
            microseconds = int(str(options["target"]).removesuffix("us"))
            return {"attrs": [("TCA_FQ_CODEL_TARGET", microseconds)]}
        case "cake":
            return {"attrs": list(_cake_options(options))}
        case _:
            raise DefectError(
                phrase("lbrouter does not know how to ask for a qdisc {kind}.", kind=qdisc.kind)
            )


def _cake_options(options: Mapping[str, int | str]) -> Iterator[tuple[str, int]]:
    """The target is a twentieth of the round trip, as tc sets it."""
    for name, words in CAKE_OPTION_VALUES.items():
        yield name, next(number for word, number in words.items() if word in options)
    rtt = int(str(options["rtt"]).removesuffix("us"))
    yield "TCA_CAKE_RTT", rtt
    yield "TCA_CAKE_TARGET", max(1, rtt // 20)


def _redirect_filter(redirect: Redirect) -> Any:
    """The filter; one to nowhere takes no action, so that the packet goes on."""
    request = _filter_message(_interface_index(redirect.interface), redirect.direction)
    everything = ("TCA_U32_SEL", {"keys": ["0x0/0x0+0"]})
    if not redirect.to:
        options: list[Any] = [("TCA_U32_CLASSID", HTB_MAJOR << 16 | GATEWAY_MINOR), everything]
        request["attrs"] = [("TCA_KIND", "u32"), ("TCA_OPTIONS", {"attrs": options})]
        return request
    action = {"eaction": 1, "action": 4, "ifindex": _interface_index(redirect.to)}
    mirred = [
        ("TCA_ACT_KIND", "mirred"),
        ("TCA_ACT_OPTIONS", {"attrs": [("TCA_MIRRED_PARMS", action)]}),
    ]
    options = [
        everything,
        ("TCA_U32_ACT", {"attrs": [("TCA_ACT_PRIO_1", {"attrs": mirred})]}),
    ]
    request["attrs"] = [("TCA_KIND", "u32"), ("TCA_OPTIONS", {"attrs": options})]
    return request


async def _remove_redirect(ipr: AsyncIPRoute, old: Redirect) -> None:
    """The clsact goes with our filter, in one step, unless it holds foreign filters."""
    index = _interface_index(old.interface)
    every = [
        answer for hook in CLSACT_HOOKS.values() for answer in await list_filters(ipr, index, hook)
    ]
    mine = [answer for answer in every if is_ours(answer)]
    if not mine:
        return
    if len(mine) < len(every):
        await _delete_filter(ipr, index, old.direction)
    else:
        request = tc_message(index=index, parent=TC_H_CLSACT, handle=INGRESS_HANDLE)
        await tolerate(OBJECT_ABSENT_ERRNOS, send(ipr, request, RTM_DELQDISC, REQUEST_FLAGS))


async def _delete_filter(ipr: AsyncIPRoute, index: int, direction: str) -> None:
    request = _filter_message(index, direction)
    request["attrs"] = [("TCA_KIND", "u32")]
    await tolerate(OBJECT_ABSENT_ERRNOS, send(ipr, request, RTM_DELTFILTER, REQUEST_FLAGS))


def _filter_message(index: int, direction: str) -> Any:
    return tc_message(
        index=index, parent=CLSACT_HOOKS[direction], info=FILTER_PREFERENCE << 16 | ETH_P_ALL_BE
    )


def _parent_handle(qdisc: Qdisc) -> int:
    return TC_H_ROOT if isinstance(qdisc.parent, str) else _classid_number(qdisc.parent)


def _classid_number(classid: tuple[int, int]) -> int:
    return classid[0] << 16 | classid[1]
