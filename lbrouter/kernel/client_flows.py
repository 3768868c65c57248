"""Ends the connections of one client: they are taken out of the connection table.

A packet that comes for one of them belongs to nothing then, and is dropped; what the client itself
sends is judged as a new flow.
"""

from collections.abc import Collection
from typing import Final

from lbrouter.kernel.netlink import raw_socket
from lbrouter.kernel.netlink.uapi import (
    NETLINK_NETFILTER,
    NFGENMSG,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    NLMSGERR_CODE,
)
from lbrouter.kernel.read.conntrack import (
    CTA_ID,
    CTA_IP_V4_SRC,
    CTA_IP_V6_SRC,
    CTA_TUPLE_IP,
    CTA_TUPLE_ORIG,
    attribute_spans,
    dump_connections,
)
from lbrouter.kernel.read.marked_connections import nested_spans
from lbrouter.model.kernel_state import IpAddress

CTNETLINK_DELETE: Final = 1 << 8 | 2
"""Subsystem ctnetlink, IPCTNL_MSG_CT_DELETE."""
NLM_F_ACK: Final = 4
NLA_F_NESTED: Final = 1 << 15
AF_BY_SOURCE: Final = {CTA_IP_V4_SRC: 2, CTA_IP_V6_SRC: 10}
DELETE_TIMEOUT_S: Final = 2.0


def end_client_flows(addresses: Collection[IpAddress]) -> int:
    """Delete the connections that these addresses have opened; returns how many.

    Raises OSError (EPERM without rights). One that ended by itself meanwhile is not counted.
    """
    wanted = {address.packed for address in addresses}
    bodies = list[bytes]()
    for data, span in dump_connections():
        found = attribute_spans(data, *span)
        ends = nested_spans(data, found, CTA_TUPLE_ORIG, CTA_TUPLE_IP)
        for kind, family in AF_BY_SOURCE.items():
            if kind in ends and data[slice(*ends[kind])] in wanted:
                parts = (
                    (CTA_TUPLE_ORIG | NLA_F_NESTED, data[slice(*found[CTA_TUPLE_ORIG])]),
                    (CTA_ID, data[slice(*found[CTA_ID])]),
                )
                attributes = b"".join(raw_socket.encode_attribute(*part) for part in parts)
                bodies.append(NFGENMSG.pack(family, 0, 0) + attributes)
    return delete_flows(bodies)


def delete_flows(bodies: Collection[bytes]) -> int:
    """Delete connections, each a request's header and attributes; returns how many were there.

    Raises OSError.
    """
    done = 0
    with raw_socket.open_socket(NETLINK_NETFILTER, timeout_s=DELETE_TIMEOUT_S) as opened:
        for body in bodies:
            flags = NLM_F_REQUEST | NLM_F_ACK
            opened.sendall(raw_socket.encode_message(CTNETLINK_DELETE, body, flags=flags))
            data = opened.recv(raw_socket.NETLINK_RECEIVE_BYTES)
            done += any(_is_done(data, found) for found in raw_socket.split_messages(data))
    return done


def _is_done(data: bytes, found: raw_socket.RawSpan) -> bool:
    if found.kind != NLMSG_ERROR:
        return False
    return bool(NLMSGERR_CODE.unpack_from(data, found.start)[0] == 0)
