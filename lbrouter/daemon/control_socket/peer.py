"""Who is at the other end of the control socket, as the kernel says, and what is allowed there."""

import asyncio
import grp
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.firewall.ssh_session import parse_ssh_connection
from lbrouter.daemon.control_socket.protocol import OPERATOR_VERBS, READ_ONLY_VERBS
from lbrouter.model.errors import NotPermittedError
from lbrouter.model.messages.operator import Operator
from lbrouter.model.messages.phrase import phrase
from lbrouter.system.ssh_session import login_name, ssh_connection

OPERATOR_GROUP: Final = "lbrouter-operator"
"""Its members may drain, restore, pin, limit, block, confirm and roll back; no more than that."""

UCRED: Final = struct.Struct("=iII")
"""struct ucred: pid, uid, gid (unix(7))."""

SO_PEERGROUPS: Final = 59
"""asm-generic/socket.h: the supplementary groups of the peer when it connected."""
GROUPS_BYTES: Final = 1024
"""What Python's getsockopt takes at most: 256 groups. A user with more is in none of them here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketPeer:
    """The process at the other end: its user and its groups when it connected."""

    pid: int
    uid: int
    groups: frozenset[int]

    def require_permission(self, verb: str) -> None:
        """Raise NotPermittedError where this user may not use `verb`."""
        if self.uid == 0 or verb in READ_ONLY_VERBS:
            return
        if verb not in OPERATOR_VERBS:
            raise NotPermittedError("Only root may change anything.", remedy="Run it as root.")
        if _operator_gid() not in self.groups:
            raise NotPermittedError(
                phrase(
                    "Only root and members of the group {group} may do this.", group=OPERATOR_GROUP
                ),
                remedy=phrase("Run it as root, or: adduser NAME {group}", group=OPERATOR_GROUP),
            )

    def operator(self) -> Operator:
        """The person behind it: the user who logged in, and from where."""
        session = parse_ssh_connection(ssh_connection(self.pid))
        return Operator(
            name=login_name(self.pid, self.uid),
            address=None if session is None else str(session.client),
        )


def socket_peer(writer: asyncio.StreamWriter) -> SocketPeer:
    """The peer of a connection."""
    peer = writer.get_extra_info("socket")
    pid, uid, gid = UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))
    groups = {gid}
    with suppress(OSError):
        found = peer.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, GROUPS_BYTES)
        groups |= {number for (number,) in struct.iter_unpack("=I", found)}
    return SocketPeer(pid=pid, uid=uid, groups=frozenset(groups))


def _operator_gid() -> int:
    """The group's number; -1, which no process has, where there is no such group."""
    try:
        return grp.getgrnam(OPERATOR_GROUP).gr_gid
    except KeyError:
        return -1
