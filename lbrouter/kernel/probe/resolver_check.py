"""Whether any of some resolvers answers, asked as dnsmasq asks them: by the best line."""

import asyncio
import os
from collections.abc import Sequence
from typing import Final

from lbrouter.compile.wire.dns_message import (
    DNS_FLAG_RECURSION_DESIRED,
    DNS_HEADER,
    DNS_PORT,
    DNS_RCODE_MASK,
    ROOT_NS_QUESTION,
    is_answer,
)
from lbrouter.model.kernel_state import IpAddress

RCODES_OF_WORKING: Final = frozenset({0, 3})
"""No error, no such name. A network that refuses all other resolvers answers in their place."""

RESOLVER_ANSWER_TIMEOUT_S: Final = 2.0


async def any_answers(servers: Sequence[IpAddress]) -> bool:
    """Whether one of `servers` answers within two seconds. Nothing is raised."""
    answered = asyncio.get_running_loop().create_future()
    queries = [await _sent_query(server, answered) for server in servers]
    try:
        await asyncio.wait_for(answered, RESOLVER_ANSWER_TIMEOUT_S)
    except TimeoutError:
        return False
    finally:
        for query in queries:
            if query is not None:
                query.close()
    return True


class _Query(asyncio.DatagramProtocol):
    """One question; the first good answer to any of them counts."""

    def __init__(self, answered: asyncio.Future[bool]) -> None:
        self.identifier = int.from_bytes(os.urandom(2), "big")
        self._answered = answered

    def datagram_received(self, data: bytes, _address: object) -> None:
        """An answer, if it is one to our question."""
        if not is_answer(data, self.identifier, ROOT_NS_QUESTION):
            return
        _, flags, *_ = DNS_HEADER.unpack_from(data)
        if flags & DNS_RCODE_MASK in RCODES_OF_WORKING and not self._answered.done():
            self._answered.set_result(True)


async def _sent_query(
    server: IpAddress, answered: asyncio.Future[bool]
) -> asyncio.DatagramTransport | None:
    """The transport of a question that was sent; None where there is no way to the server."""
    loop = asyncio.get_running_loop()
    try:
        transport, query = await loop.create_datagram_endpoint(
            lambda: _Query(answered), remote_addr=(str(server), DNS_PORT)
        )
    except OSError:
        return None
    header = DNS_HEADER.pack(query.identifier, DNS_FLAG_RECURSION_DESIRED, 1, 0, 0, 0)
    transport.sendto(header + ROOT_NS_QUESTION)
    return transport
