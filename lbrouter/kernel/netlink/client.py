"""Requests over rtnetlink: a message, its answer, and a few retries while the kernel is busy.

Messages are built attribute by attribute instead of by pyroute2's keyword arguments: those guess
(a rule without a table lands in 252, a protocol defaults to "static"), and a guess is not a plan.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

from pyroute2 import AsyncIPRoute
from pyroute2.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NLM_F_REQUEST,
)
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

__all__ = [
    "CREATE_FLAGS",
    "OBJECT_ABSENT_ERRNOS",
    "REPLACE_FLAGS",
    "REQUEST_FLAGS",
    "NetlinkError",
    "dump",
    "retry_while_busy",
    "send",
    "send_batch",
    "tolerate",
]

T = TypeVar("T")
PyrouteMessage = Any
"""A pyroute2 message; the library carries no types."""

REQUEST_FLAGS: Final = NLM_F_REQUEST | NLM_F_ACK
CREATE_FLAGS: Final = REQUEST_FLAGS | NLM_F_CREATE | NLM_F_EXCL
REPLACE_FLAGS: Final = REQUEST_FLAGS | NLM_F_CREATE | NLM_F_REPLACE

NETLINK_RETRY_PAUSES_S: Final = (0.01, 0.05, 0.2)
"""Pauses before the second, third and fourth attempt."""

DUMP_RETRY_PAUSES_S: Final = (0.0, 0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.2, 0.2)
"""Pauses after a dump that was interrupted: devices that appear by the hundred do that again and
again. No failover waits for a dump."""

NLM_F_DUMP_INTR: Final = 0x10

KERNEL_BUSY_ERRNOS: Final = frozenset({errno.EBUSY, errno.EINTR, errno.ENOBUFS, errno.EAGAIN})

OBJECT_ABSENT_ERRNOS: Final = frozenset(
    {errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EADDRNOTAVAIL, errno.ENXIO}
)
"""What the kernel answers when asked to remove an absent object: it depends on the kind."""


async def dump(ipr: AsyncIPRoute, message: PyrouteMessage, kind: int) -> list[PyrouteMessage]:
    """All answers to a dump request of type `kind`; starts over if the table changed meanwhile."""

    async def attempt() -> list[PyrouteMessage]:
        answers = await ipr.nlm_request(message, kind, NLM_F_REQUEST | NLM_F_DUMP)
        return [require_consistent(answer) async for answer in answers]

    return await retry_while_busy(attempt)


async def send(ipr: AsyncIPRoute, message: PyrouteMessage, kind: int, flags: int) -> None:
    """One request and its acknowledgement; raises NetlinkError."""

    async def attempt() -> None:
        async for _ in await ipr.nlm_request(message, kind, flags):
            pass

    await retry_while_busy(attempt)


async def send_batch(
    ipr: AsyncIPRoute, messages: Iterable[tuple[PyrouteMessage, int, int]]
) -> None:
    """Several (message, type, flags) in one send: the kernel runs them back to back.

    A process that is killed leaves either none or all of them behind. One that fails stops none of
    the others; the first error is raised.
    """
    prepared = []
    for message, kind, flags in messages:
        message["header"]["type"] = kind
        message["header"]["flags"] = flags
        prepared.append(message)
    async for _ in ipr.nlm_request_batch(prepared):
        pass


async def tolerate(errors: frozenset[int], request: Awaitable[None]) -> bool:
    """Await `request`; False when the kernel answered one of `errors`."""
    try:
        await request
    except NetlinkError as error:
        if error.code not in errors:
            raise
        return False
    return True


def require_consistent(answer: PyrouteMessage) -> PyrouteMessage:
    """The kernel marks a dump during which the table changed; pyroute2 lets the mark pass."""
    if answer["header"]["flags"] & NLM_F_DUMP_INTR:
        raise NetlinkDumpInterrupted
    return answer


async def retry_while_busy(attempt: Callable[[], Awaitable[T]]) -> T:
    """Await `attempt`, and again while the kernel says that it is busy or interrupted the dump."""
    busy, interrupted = iter(NETLINK_RETRY_PAUSES_S), iter(DUMP_RETRY_PAUSES_S)
    while True:
        try:
            return await attempt()
        except NetlinkDumpInterrupted:
            pause_s = next(interrupted, None)
            if pause_s is None:
                raise
        except (NetlinkError, OSError) as error:
            pause_s = next(busy, None)
            if error.args[0] not in KERNEL_BUSY_ERRNOS or pause_s is None:
                raise
        await asyncio.sleep(pause_s)
