"""Policy rules of ours: protocol 76 within priorities 10000 to 10099, both families."""

import errno
import socket
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.rtnl import RTM_DELRULE, RTM_GETRULE, RTM_NEWRULE
from pyroute2.netlink.rtnl.fibmsg import FR_ACT_TO_TBL, FR_ACT_UNREACHABLE, fibmsg

from lbrouter.kernel.netlink.client import (
    CREATE_FLAGS,
    OBJECT_ABSENT_ERRNOS,
    REQUEST_FLAGS,
    dump,
    send,
    send_batch,
    tolerate,
)
from lbrouter.kernel.netlink.uapi import AF_BY_FAMILY
from lbrouter.model.kernel_state import AddressFamily, Rule
from lbrouter.model.plan import Operation
from lbrouter.model.reserved_ids import ROUTE_PROTOCOL, RULE_PRIORITIES

RULE_EXISTS_ERRNOS: Final = frozenset({errno.EEXIST})

NOT_SUPPRESSED: Final = 0xFFFFFFFF
"""How the kernel writes a suppress_prefixlength that was not given (-1)."""


async def observe(ipr: AsyncIPRoute) -> frozenset[Rule]:
    """Every rule of ours."""
    rules = [answer for family in AddressFamily for answer in await dump_rules(ipr, family)]
    return frozenset(_decode_rule(message) for message in rules if is_ours(message))


async def dump_rules(ipr: AsyncIPRoute, family: AddressFamily) -> list[Any]:
    """Messages of all rules of a family, ours and foreign."""
    message = fibmsg()
    message["family"] = AF_BY_FAMILY[family]
    answers = await dump(ipr, message, RTM_GETRULE)
    return [answer for answer in answers if answer["family"] == AF_BY_FAMILY[family]]


def is_ours(message: Any) -> bool:
    """Our protocol number and within our band."""
    return (
        message.get_attr("FRA_PROTOCOL") == ROUTE_PROTOCOL
        and priority_of(message) in RULE_PRIORITIES
    )


def priority_of(message: Any) -> int:
    """The first rule of all has priority 0 and does not say so."""
    return int(message.get_attr("FRA_PRIORITY") or 0)


async def execute(ipr: AsyncIPRoute, operation: Operation) -> None:
    """Add, change or remove a rule."""
    old, new = operation.old, operation.new
    if isinstance(old, Rule) and isinstance(new, Rule):
        await _change(ipr, old, new)
    elif isinstance(new, Rule):
        await _add(ipr, new)
    elif isinstance(old, Rule) and old in await observe(ipr):
        # Look first: in a deletion an absent selector means "any" (net/core/fib_rules.c). A request
        # for a rule that is gone would take its neighbour instead.
        await tolerate(OBJECT_ABSENT_ERRNOS, send(ipr, _message(old), RTM_DELRULE, REQUEST_FLAGS))


async def _change(ipr: AsyncIPRoute, old: Rule, new: Rule) -> None:
    """The kernel has no "replace" for rules: the new one goes in behind the old, then the old out.

    Both in one send, so that a process that is killed leaves exactly one of them.
    """
    if old == new or old not in await observe(ipr):
        return await _add(ipr, new)
    both = ((_message(new), RTM_NEWRULE, CREATE_FLAGS), (_message(old), RTM_DELRULE, REQUEST_FLAGS))
    await tolerate(RULE_EXISTS_ERRNOS, send_batch(ipr, both))
    return None


async def _add(ipr: AsyncIPRoute, rule: Rule) -> None:
    """One that exists already is ours: the kernel compares protocol numbers, too."""
    await tolerate(RULE_EXISTS_ERRNOS, send(ipr, _message(rule), RTM_NEWRULE, CREATE_FLAGS))


def _message(rule: Rule) -> Any:
    message = fibmsg()
    message["family"] = AF_BY_FAMILY[rule.family]
    message["action"] = FR_ACT_TO_TBL if rule.table else FR_ACT_UNREACHABLE
    message["attrs"] = [("FRA_PRIORITY", rule.priority), ("FRA_PROTOCOL", ROUTE_PROTOCOL)]
    if rule.table:
        message["attrs"].append(("FRA_TABLE", rule.table))
    if rule.mask:
        message["attrs"] += [("FRA_FWMARK", rule.mark), ("FRA_FWMASK", rule.mask)]
    if rule.in_interface:
        message["attrs"].append(("FRA_IIFNAME", rule.in_interface))
    if rule.out_interface:
        message["attrs"].append(("FRA_OIFNAME", rule.out_interface))
    if rule.suppress_prefix_length is not None:
        message["attrs"].append(("FRA_SUPPRESS_PREFIXLEN", rule.suppress_prefix_length))
    return message


def _decode_rule(message: Any) -> Rule:
    suppress = message.get_attr("FRA_SUPPRESS_PREFIXLEN")
    to_table = message["action"] == FR_ACT_TO_TBL
    return Rule(
        family=AddressFamily.V4 if message["family"] == socket.AF_INET else AddressFamily.V6,
        priority=priority_of(message),
        table=message.get_attr("FRA_TABLE") if to_table else 0,
        mark=message.get_attr("FRA_FWMARK") or 0,
        mask=message.get_attr("FRA_FWMASK") or 0,
        in_interface=message.get_attr("FRA_IIFNAME") or "",
        out_interface=message.get_attr("FRA_OIFNAME") or "",
        suppress_prefix_length=None if suppress in (None, NOT_SUPPRESSED) else suppress,
    )
