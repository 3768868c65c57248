"""A port scan in the lab: what answers on a list of ports, all at once.

Runs by its path inside a namespace, on the standard library alone: `port_scanner.py REQUEST`, where
REQUEST is JSON: {"targets": [{"to", "protocol", "port"}, ...], "timeout_ms"}. Prints each target
again with its `answer`: open, refused, unreachable, prohibited, or silent.
"""

import asyncio
import errno
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

ScanRow = dict[str, Any]

SCAN_ERRNO_ANSWERS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EACCES: "prohibited",
    errno.EPERM: "prohibited",
}

V4_ERROR_QUEUE_OPTION = 11
V6_ERROR_QUEUE_OPTION = 25
"""From linux/in.h and linux/in6.h; Python's socket module lacks them."""


async def scan(request: ScanRow) -> None:
    """Probe each of `targets` ({"to", "protocol", "port"}), all at once: the row's `answer`."""
    timeout_s = request.get("timeout_ms", 1000) / 1000

    async def one(target: ScanRow) -> str:
        try:
            return await asyncio.wait_for(SCAN_PROBES[target["protocol"]](target), timeout_s)
        except TimeoutError:
            return "silent"
        except OSError as error:
            return SCAN_ERRNO_ANSWERS.get(error.errno or 0, str(error))

    answers = await asyncio.gather(*(one(target) for target in request["targets"]))
    for target, answer in zip(request["targets"], answers, strict=True):
        print(json.dumps({**target, "answer": answer}))


async def probe_tcp(target: ScanRow) -> str:
    """`open` when something takes a TCP connection."""
    _, writer = await asyncio.open_connection(target["to"], target["port"])
    writer.close()
    return "open"


async def probe_udp(target: ScanRow) -> str:
    """`open` when something answers a datagram."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket_family(target["to"]), socket.SOCK_DGRAM) as udp:
        udp.settimeout(0)
        enable_icmp_errors(udp)
        await loop.sock_connect(udp, (target["to"], target["port"]))
        await loop.sock_sendall(udp, b"e scan 0")
        await loop.sock_recv(udp, 2048)
    return "open"


async def probe_icmp(target: ScanRow) -> str:
    """`open` when an echo request is answered."""
    loop = asyncio.get_running_loop()
    version6 = socket_family(target["to"]) == socket.AF_INET6
    protocol = socket.IPPROTO_ICMPV6 if version6 else socket.IPPROTO_ICMP
    with socket.socket(socket_family(target["to"]), socket.SOCK_RAW, protocol) as raw:
        raw.settimeout(0)
        enable_icmp_errors(raw)
        raw.connect((target["to"], 0))
        await loop.sock_sendall(raw, icmp_echo_request(version6=version6))
        wanted = 129 if version6 else 0
        while True:
            packet = await loop.sock_recv(raw, 2048)
            if (packet if version6 else packet[(packet[0] & 15) * 4 :])[0] == wanted:
                return "open"


def enable_icmp_errors(opened: socket.socket) -> None:
    """Report every ICMP error: else Linux hides the milder ones ("no route") from a socket."""
    if opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, V6_ERROR_QUEUE_OPTION, 1)
    else:
        opened.setsockopt(socket.IPPROTO_IP, V4_ERROR_QUEUE_OPTION, 1)


def socket_family(address: str) -> socket.AddressFamily:
    """AF_INET6 for an address with a colon."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def icmp_echo_request(*, version6: bool) -> bytes:
    """An ICMP echo request; the kernel fills in the checksum of the ICMPv6 one."""
    kind = 128 if version6 else 8
    body = bytes([kind, 0, 0, 0, 0x4C, 0x42, 0, 1])
    if version6:
        return body
    total = sum(int.from_bytes(body[i : i + 2], "big") for i in range(0, len(body), 2))
    return body[:2] + (~(total + (total >> 16)) & 0xFFFF).to_bytes(2, "big") + body[4:]


SCAN_PROBES: dict[str, Callable[[ScanRow], Awaitable[str]]] = {
    "tcp": probe_tcp,
    "udp": probe_udp,
    "icmp": probe_icmp,
}

if __name__ == "__main__":
    asyncio.run(scan(json.loads(sys.argv[1])))
