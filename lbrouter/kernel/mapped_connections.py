"""Connections of hosts with a public address of their own, forgotten when their line is lost.

`snat` keeps that address when a flow moves to another line, where no answer to it can come back. A
TCP connection is reset by the ruleset. Any other flow is taken out of the connection table here,
and its next packet is a new flow of the new line.
"""

from collections.abc import Container, Iterator
from typing import Final

from lbrouter.kernel.client_flows import NLA_F_NESTED, delete_flows
from lbrouter.kernel.netlink.raw_socket import encode_attribute
from lbrouter.kernel.netlink.uapi import AF_BY_FAMILY, NFGENMSG
from lbrouter.kernel.read.conntrack import (
    CTA_TUPLE_IP,
    CTA_TUPLE_ORIG,
    AttributeSpan,
    attribute_spans,
    big_endian_uint,
    dump_connections,
)
from lbrouter.kernel.read.marked_connections import (
    CTA_ADDRESSES,
    CTA_PROTO_NUM,
    CTA_TUPLE_PROTO,
    TCP_PROTOCOL,
)
from lbrouter.model.kernel_state import AddressFamily

CTA_TUPLE_REPLY: Final = 2


def forget_mapped_flows(family: AddressFamily, publics: Container[bytes]) -> int:
    """Forget the flows (but TCP) that left by one of these addresses; how many. Raises OSError."""
    header = NFGENMSG.pack(AF_BY_FAMILY[family], 0, 0)
    return delete_flows(
        [
            header + encode_attribute(CTA_TUPLE_ORIG | NLA_F_NESTED, opening)
            for opening in _opening_tuples(family, publics)
        ]
    )


def _opening_tuples(family: AddressFamily, publics: Container[bytes]) -> Iterator[bytes]:
    """The first tuple of each such flow, as the kernel wrote it."""
    _, destination = CTA_ADDRESSES[family]
    for data, span in dump_connections(family=AF_BY_FAMILY[family]):
        attributes = attribute_spans(data, *span)
        opening = attributes.get(CTA_TUPLE_ORIG, (0, 0))
        answered_to = _address(data, attributes.get(CTA_TUPLE_REPLY, (0, 0)), destination)
        if answered_to in publics and _protocol(data, opening) != TCP_PROTOCOL:
            yield data[slice(*opening)]


def _address(data: bytes, direction: AttributeSpan, number: int) -> bytes:
    addresses = attribute_spans(data, *attribute_spans(data, *direction).get(CTA_TUPLE_IP, (0, 0)))
    return data[slice(*addresses.get(number, (0, 0)))]


def _protocol(data: bytes, direction: AttributeSpan) -> int | None:
    ports = attribute_spans(data, *attribute_spans(data, *direction).get(CTA_TUPLE_PROTO, (0, 0)))
    return big_endian_uint(data, ports.get(CTA_PROTO_NUM))
