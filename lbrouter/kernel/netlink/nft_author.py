"""Which changes of the nft table are our own.

nf_tables names the author of a change by the number of its thread, as the whole machine counts
them. In a PID namespace (a container) a process knows only other numbers. So each thread asks
nf_tables for its number before it changes a table.
"""

import socket
import threading
import time
from typing import Final

from lbrouter.kernel.netlink.codec import NLMSGHDR, parse_attributes
from lbrouter.kernel.netlink.uapi import NETLINK_NETFILTER, NFGENMSG, NLM_F_REQUEST

NFT_MSG_NEWGEN: Final = 0x0A0F
NFT_MSG_GETGEN: Final = 0x0A10
"""linux/netfilter/nf_tables.h, with NFNL_SUBSYS_NFTABLES in the upper byte."""
NFTA_GEN_PROC_PID, NFTA_GEN_PROC_NAME = 2, 3
GENERATION_MESSAGE_BYTES: Final = 4096
AUTHOR_ANSWER_TIMEOUT_S: Final = 2.0

AUTHOR_MEMORY_S: Final = 60.0
"""A load of a large ruleset takes seconds, its thread ends with it, and the announcement is read
after that. A number is not given to another thread of the machine so soon."""

_REGISTERED_AT: Final[dict[int, float]] = {}
"""When each author was registered last (CLOCK_MONOTONIC), by the number that nf_tables has."""


def register_author() -> None:
    """Learn how nf_tables calls the thread that calls; needed before each change of a table.

    Raises OSError.
    """
    now = time.monotonic()
    for number, at in list(_REGISTERED_AT.items()):
        if now - at > AUTHOR_MEMORY_S:
            _REGISTERED_AT.pop(number, None)
    _REGISTERED_AT[_ask_own_number() or threading.get_native_id()] = now


def is_own_author(number: int) -> bool:
    """Whether nf_tables means a thread of this process, which may have ended a moment ago."""
    at = _REGISTERED_AT.get(number)
    return at is not None and time.monotonic() - at < AUTHOR_MEMORY_S


def author_number(attributes: dict[int, bytes]) -> int:
    """The author, from the attributes of a generation's message; 0 where it has none."""
    return int.from_bytes(attributes.get(NFTA_GEN_PROC_PID, b""), "big")


def _ask_own_number() -> int:
    """The number of this thread; 0 where nf_tables does not tell, as without CAP_NET_ADMIN."""
    length = NLMSGHDR.size + NFGENMSG.size
    request = NLMSGHDR.pack(length, NFT_MSG_GETGEN, NLM_F_REQUEST, 1, 0) + NFGENMSG.pack(0, 0, 0)
    flags = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    with socket.socket(socket.AF_NETLINK, flags, NETLINK_NETFILTER) as opened:
        opened.settimeout(AUTHOR_ANSWER_TIMEOUT_S)
        opened.send(request)
        answer = opened.recv(GENERATION_MESSAGE_BYTES)
    if NLMSGHDR.unpack_from(answer)[1] != NFT_MSG_NEWGEN:
        return 0
    return author_number(dict(parse_attributes(answer[length:])))
