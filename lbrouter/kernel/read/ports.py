"""The interfaces of this namespace, read at once and without an event loop.

For the file: a MAC address or a path in it leads to one of them.
"""

import socket
import sys
from collections.abc import Mapping
from typing import Final

from lbrouter.kernel.netlink import raw_socket
from lbrouter.kernel.netlink.codec import RawMessage, parse_attributes
from lbrouter.kernel.objects.link_message import (
    IFINFOMSG,
    IFLA_EXT_MASK,
    RTEXT_FILTER_SKIP_STATS,
    RTM_GETLINK,
    decode_link,
)
from lbrouter.kernel.read.device_path import device_path
from lbrouter.model.facts import InterfaceFacts

LINK_DUMP_TIMEOUT_S: Final = 2.0


def read_interfaces() -> Mapping[str, InterfaceFacts]:
    """Every interface, without its addresses and queues. Raises OSError."""
    mask = RTEXT_FILTER_SKIP_STATS.to_bytes(4, sys.byteorder)
    body = IFINFOMSG.pack(0, 0, 0, 0, 0, 0) + raw_socket.encode_attribute(IFLA_EXT_MASK, mask)
    links = [
        decode_link(_raw_message(data, start, end))
        for data, start, end in raw_socket.dump(
            socket.NETLINK_ROUTE, RTM_GETLINK, body, timeout_s=LINK_DUMP_TIMEOUT_S
        )
    ]
    return {
        link.name: InterfaceFacts(
            name=link.name,
            index=link.index,
            up=link.up,
            carrier=link.carrier,
            mtu=link.mtu,
            kind=link.kind,
            ours=link.ours,
            mac=link.mac,
            permanent_mac=link.permanent_mac,
            path=device_path(link) if not link.kind else "",
        )
        for link in links
    }


def _raw_message(data: bytes, start: int, end: int) -> RawMessage:
    return RawMessage(
        fields=IFINFOMSG.unpack_from(data, start),
        attributes=dict(parse_attributes(data[start + IFINFOMSG.size : end])),
    )
