"""Sockets bound to one uplink, the arrival time of an answer, and errors in words.

Bound to the device *and* marked: bound alone, with no route in the table that is looked up, the
kernel asks for the target by ARP on the uplink itself, which looks like an outage.
"""

import errno
import os
import socket
import struct
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lbrouter.model.events import ProbeFailure
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.reserved_ids import uplink_mark

SO_TIMESTAMPNS: Final = 35
"""asm-generic/socket.h; Python's socket module does not name it."""

IP_MTU_DISCOVER: Final = 10
IPV6_MTU_DISCOVER: Final = 23
PMTUDISC_PROBE: Final = 3
"""linux/in.h, linux/in6.h: forbid fragments, and take no path MTU that was learnt before."""

IP_RECVERR: Final = 11
IPV6_RECVERR: Final = 25
TIMESPEC: Final = struct.Struct("@ll")
TCP_INFO_RTT: Final = struct.Struct("=I")
TCP_INFO_RTT_OFFSET: Final = 68
TCP_INFO_TOTAL_RETRANS_OFFSET: Final = 100
"""Offsets in struct tcp_info (linux/tcp.h): the smoothed RTT in microseconds, and segments sent
more than once."""

ANCILLARY_BUFFER_BYTES: Final = socket.CMSG_SPACE(TIMESPEC.size)
PROBE_RECEIVE_BYTES: Final = 4096

ERRNO_TEXTS: Final[Mapping[int, str]] = {
    errno.ENODEV: "the interface is not there",
    errno.ENETDOWN: "the interface is down",
    errno.EADDRNOTAVAIL: "no address",
    errno.ENETUNREACH: "no route",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ECONNREFUSED: "refused",
    errno.EACCES: "refused by a router",
    errno.EPERM: "refused by a firewall of this machine",
    errno.ENOBUFS: "our own queue is full",
    errno.EAGAIN: "our own queue is full",
}
"""What went wrong, for people; for others the text of the C library is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkBinding:
    """The uplink that a probe is bound to: its interface and its number (1 to 15).

    `priority` is the HTB class that the probe waits in; 0 is the gateway's own.
    """

    interface: str
    number: int
    priority: int = 0


def open_socket(
    binding: UplinkBinding, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int = 0
) -> socket.socket:
    """A non-blocking socket that sends and receives through `binding` alone. Raises OSError."""
    opened = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, uplink_mark(binding.number))
        name = binding.interface.encode() + b"\0"
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        if binding.priority:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, binding.priority)
    except OSError:
        opened.close()
        raise
    return opened


def enable_error_reports(opened: socket.socket) -> None:
    """Let ICMP errors and a full queue of our own reach a socket that lives for one probe.

    Without it a UDP socket gets only the error of a closed port, and a TCP socket does not show
    whether a RST or a router's ICMP message ended its handshake (ip(7), IP_RECVERR).
    """
    if opened.family is socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    else:
        opened.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)


def forbid_fragments(opened: socket.socket) -> None:
    """What is sent goes as one packet or not at all (EMSGSIZE where it exceeds the device)."""
    if opened.family is socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE)
    else:
        opened.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE)


def interface_index(binding: UplinkBinding) -> int:
    """Index of the interface. Raises OSError (ENODEV)."""
    try:
        return socket.if_nametoindex(binding.interface)
    except OSError as error:  # Python leaves errno out
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from error


def address_family(address: IpAddress) -> socket.AddressFamily:
    """The address family of a target."""
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def receive(opened: socket.socket) -> tuple[bytes, str, float]:
    """A datagram, its sender, and when it arrived (the loop's clock). Raises OSError.

    By the kernel's timestamp: a loop that was busy for 50 ms must not look like jitter.
    """
    data, ancillary, _, sender = opened.recvmsg(PROBE_RECEIVE_BYTES, ANCILLARY_BUFFER_BYTES)
    now = time.monotonic()
    waited_s = 0.0
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = TIMESPEC.unpack(content)
            waited_s = time.time() - seconds - nanoseconds / 1e9
    # A wall clock that was set in between makes the timestamp wrong: then it is not used.
    return data, sender[0] if sender else "", now - waited_s if 0 < waited_s < 60 else now


def handshake_rtt(opened: socket.socket, *, elapsed_s: float) -> float:
    """Round trip of the handshake as the kernel measured it, in seconds.

    A SYN that was sent twice leaves no sample (RFC 6298): then all the time that it took.
    """
    with suppress(OSError, struct.error):
        info = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        (rtt_us,) = TCP_INFO_RTT.unpack_from(info, TCP_INFO_RTT_OFFSET)
        if rtt_us and not int.from_bytes(info[TCP_INFO_TOTAL_RETRANS_OFFSET:][:4], sys.byteorder):
            return float(min(rtt_us / 1e6, elapsed_s))
    return elapsed_s


def error_text(error: OSError) -> str:
    """An error in words."""
    number = error.errno or 0
    return ERRNO_TEXTS.get(number) or os.strerror(number).lower()


def failure_from_error(error: OSError) -> ProbeFailure:
    """What an error means for a probe that had left."""
    return ProbeFailure.REFUSED if error.errno == errno.ECONNREFUSED else ProbeFailure.UNREACHABLE
