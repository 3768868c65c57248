"""Dumps of links, addresses, routes and queues: asked with pyroute2, read by `codec`."""

from collections.abc import Callable
from struct import Struct
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST
from pyroute2.netlink.nlsocket import NetlinkRequest

from lbrouter.kernel.netlink.client import PyrouteMessage, require_consistent, retry_while_busy
from lbrouter.kernel.netlink.codec import NLMSG_MIN_TYPE, NLMSGHDR, RawMessage, parse_attributes


async def dump_raw(
    ipr: AsyncIPRoute, message: PyrouteMessage, kind: int, layout: Struct
) -> list[RawMessage]:
    """Answers to a dump of type `kind`, whose fixed header is `layout`. Raises NetlinkError."""

    async def attempt() -> list[RawMessage]:
        # Not by ipr.nlm_request: it takes a parser and forgets it (pyroute2 0.9.7).
        flags, parser = NLM_F_REQUEST | NLM_F_DUMP, _message_parser(ipr, layout)
        request = NetlinkRequest(ipr, message, msg_type=kind, msg_flags=flags, parser=parser)
        await request.send()
        return [require_consistent(answer) async for answer in request.response()]

    return await retry_while_busy(attempt)


def _message_parser(ipr: AsyncIPRoute, layout: Struct) -> Callable[[bytes, int, int], Any]:
    def parse(data: bytes, offset: int, length: int) -> Any:
        _, kind, flags, sequence, _ = NLMSGHDR.unpack_from(data, offset)
        if kind < NLMSG_MIN_TYPE:
            return ipr.marshal.parse_one_message(kind, flags, sequence, data, offset, length)
        start = offset + NLMSGHDR.size
        return RawMessage(
            header={"type": kind, "flags": flags, "error": None},
            fields=layout.unpack_from(data, start),
            attributes=dict(parse_attributes(data[start + layout.size : offset + length])),
        )

    return parse
