"""The connections of one client: how many, what became of its queries for names, its bytes.

From ctnetlink, as in `conntrack`; linux/netfilter/nf_conntrack_common.h has the status bits.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.wire.dns_message import DNS_PORT
from lbrouter.kernel.read.conntrack import (
    CTA_COUNTERS_ORIG,
    CTA_COUNTERS_REPLY,
    CTA_IP_V4_SRC,
    CTA_IP_V6_SRC,
    CTA_TUPLE_IP,
    CTA_TUPLE_ORIG,
    AttributeSpan,
    attribute_spans,
    big_endian_uint,
    byte_counter,
    dump_connections,
)
from lbrouter.kernel.read.marked_connections import (
    CTA_PROTO_DST_PORT,
    CTA_TUPLE_PROTO,
    nested_spans,
)
from lbrouter.model.kernel_state import IpAddress

CTA_STATUS: Final = 3
SEEN_REPLY_STATUS: Final = 1 << 1
"""IPS_SEEN_REPLY."""


@dataclass(slots=True, kw_only=True)
class ClientConnections:
    """Counts of one look. `sent` and `received` are bytes, as far as the kernel counts them."""

    connections: int = 0
    dns_queries: int = 0
    dns_answers: int = 0
    ipv6_flows: int = 0
    ipv6_answers: int = 0
    sent: int = 0
    received: int = 0


def count_client_connections(addresses: Collection[IpAddress]) -> ClientConnections:
    """What the client with these addresses has open. Raises OSError (EPERM without rights)."""
    wanted, total = {address.packed for address in addresses}, ClientConnections()
    for data, span in dump_connections():
        found = attribute_spans(data, *span)
        ends = nested_spans(data, found, CTA_TUPLE_ORIG, CTA_TUPLE_IP)
        source = ends.get(CTA_IP_V4_SRC) or ends.get(CTA_IP_V6_SRC) or (0, 0)
        if data[slice(*source)] in wanted:
            _count(total, data, found, is_ipv6=CTA_IP_V6_SRC in ends)
    return total


def _count(
    total: ClientConnections, data: bytes, found: dict[int, AttributeSpan], *, is_ipv6: bool
) -> None:
    ports = nested_spans(data, found, CTA_TUPLE_ORIG, CTA_TUPLE_PROTO)
    status = big_endian_uint(data, found.get(CTA_STATUS)) or 0
    answered = bool(status & SEEN_REPLY_STATUS)
    total.connections += 1
    if big_endian_uint(data, ports.get(CTA_PROTO_DST_PORT)) == DNS_PORT:
        total.dns_queries += 1
        total.dns_answers += answered
    elif is_ipv6:
        total.ipv6_flows += 1
        total.ipv6_answers += answered
    total.sent += byte_counter(data, found.get(CTA_COUNTERS_ORIG)) or 0
    total.received += byte_counter(data, found.get(CTA_COUNTERS_REPLY)) or 0
