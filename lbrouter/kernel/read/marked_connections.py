"""TCP connections of one mark, from ctnetlink: the kernel compares the mark, Python reads the rest.

For the clients of an uplink that is lost, see `kernel.idle_clients`.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from lbrouter.kernel.netlink.raw_socket import encode_attribute
from lbrouter.kernel.netlink.uapi import AF_BY_FAMILY
from lbrouter.kernel.read.conntrack import (
    CTA_MARK,
    CTA_TUPLE_IP,
    CTA_TUPLE_ORIG,
    attribute_spans,
    big_endian_uint,
    dump_connections,
)
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.reserved_ids import MARK_MASK

CTA_PROTOINFO, CTA_MARK_MASK = 4, 21
CTA_TUPLE_PROTO, CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 2, 1, 2, 3
CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE = 1, 1
"""linux/netfilter/nfnetlink_conntrack.h."""

CTA_ADDRESSES: Final = {AddressFamily.V4: (1, 2), AddressFamily.V6: (3, 4)}
"""CTA_IP_V4_SRC and _DST, CTA_IP_V6_SRC and _DST."""

MARK_ATTRIBUTE: Final = Struct("!I")
TCP_PROTOCOL: Final = 6
ESTABLISHED_TCP_STATES: Final = frozenset({3, 4, 5})
"""Established, or closed by one side (linux/netfilter/nf_conntrack_tcp.h): the other may wait for
what is still to come."""


class TcpConnection(NamedTuple):
    """The ends of a connection as its opener sees them; addresses of 4 or 16 bytes."""

    source: bytes
    source_port: int
    destination: bytes
    destination_port: int


def established_connections(mark: int, family: AddressFamily) -> Iterator[TcpConnection]:
    """Established TCP connections whose mark, within our bits, is `mark`. Raises OSError."""
    wanted = _mark_attribute(CTA_MARK, mark) + _mark_attribute(CTA_MARK_MASK, MARK_MASK)
    for data, span in dump_connections(family=AF_BY_FAMILY[family], wanted=wanted):
        found = _parse_connection(data, attribute_spans(data, *span), CTA_ADDRESSES[family])
        if found is not None:
            yield found


def _mark_attribute(number: int, value: int) -> bytes:
    return encode_attribute(number, MARK_ATTRIBUTE.pack(value))


def _parse_connection(
    data: bytes, found: dict[int, tuple[int, int]], addresses: tuple[int, int]
) -> TcpConnection | None:
    """The connection, or None for one that is not TCP, or not established."""
    state = nested_spans(data, found, CTA_PROTOINFO, CTA_PROTOINFO_TCP)
    if big_endian_uint(data, state.get(CTA_PROTOINFO_TCP_STATE)) not in ESTABLISHED_TCP_STATES:
        return None
    ends = nested_spans(data, found, CTA_TUPLE_ORIG, CTA_TUPLE_IP)
    ports = nested_spans(data, found, CTA_TUPLE_ORIG, CTA_TUPLE_PROTO)
    source, destination = (ends.get(number, (0, 0)) for number in addresses)
    if big_endian_uint(data, ports.get(CTA_PROTO_NUM)) != TCP_PROTOCOL:
        return None
    return TcpConnection(
        source=data[slice(*source)],
        source_port=big_endian_uint(data, ports.get(CTA_PROTO_SRC_PORT)) or 0,
        destination=data[slice(*destination)],
        destination_port=big_endian_uint(data, ports.get(CTA_PROTO_DST_PORT)) or 0,
    )


def nested_spans(
    data: bytes, found: dict[int, tuple[int, int]], *path: int
) -> dict[int, tuple[int, int]]:
    """Where the attributes within nested ones lie; empty where one of `path` is absent."""
    for number in path:
        found = attribute_spans(data, *found.get(number, (0, 0)))
    return found
