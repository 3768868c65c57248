"""The addresses of this network namespace, from /proc: quick, and without any rights."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from lbrouter.model.kernel_state import IpAddress

PROC_FIB_TRIE: Final = Path("/proc/thread-self/net/fib_trie")
PROC_IF_INET6: Final = Path("/proc/thread-self/net/if_inet6")

LOCAL_HOST_MARK: Final = "/32 host LOCAL"
"""Follows, in fib_trie, the line of an address that is ours (net/ipv4/fib_trie.c)."""


def own_addresses() -> frozenset[IpAddress]:
    """Every address of this thread's namespace; what cannot be read is left out."""
    # Each line begins with 32 hexadecimal digits (net/ipv6/addrconf.c).
    return frozenset(
        (*_own_ipv4(), *(IPv6Address(int(line[:32], 16)) for line in _lines(PROC_IF_INET6)))
    )


def _own_ipv4() -> Iterator[IPv4Address]:
    address = ""
    for line in _lines(PROC_FIB_TRIE):
        _, found, text = line.partition("|-- ")
        if found:
            address = text
        elif LOCAL_HOST_MARK in line:
            yield IPv4Address(address)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
