"""Addresses of targets with a name, looked up through the uplink that is tested.

The machine's own resolver would answer by any uplink that works; so would its cache.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from itertools import count
from pathlib import Path
from typing import Final

from lbrouter.compile.wire.dns_message import RecordType, encode_question, parse_dns_addresses
from lbrouter.kernel.probe.bound_socket import UplinkBinding, address_family
from lbrouter.kernel.probe.dns import DnsQuery
from lbrouter.model.kernel_state import IpAddress, IpNetwork

RESOLVED_NAME_LIFETIME_S: Final = 60.0
NAME_QUERY_RETRY_S: Final = 2.0
NEVER_BEYOND_A_LINE: Final = tuple(
    ip_network(text)
    for text in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "ff00::/8", "fe80::/10")
)
"""What a name may resolve to and is on no line: this host, loopback, multicast, link-local."""
RESOLV_CONF: Final = Path("/etc/resolv.conf")


@dataclass(slots=True, kw_only=True)
class _ResolvedName:
    """What is known of a name. An old address stays: it is better than none while DNS is down."""

    addresses: tuple[IpAddress, ...] = ()
    asked_at: float = float("-inf")
    answered_at: float = float("-inf")
    resolved_at: float = float("-inf")
    """When an answer held an address."""
    stop: Callable[[], object] = field(default=lambda: None)


class NameResolver:
    """Looks names up in the background; `look_up` never waits."""

    def __init__(
        self,
        binding: UplinkBinding,
        servers: Sequence[IpAddress],
        kind: RecordType,
        *,
        not_beyond: Sequence[IpNetwork] = (),
    ) -> None:
        self._binding, self._kind = binding, kind
        self._not_beyond = (*NEVER_BEYOND_A_LINE, *not_beyond)
        self._servers = servers
        self._server_counter = count()
        self._cache: dict[str, _ResolvedName] = {}

    def look_up(self, host: str) -> IpAddress | None:
        """The first address of `host` in the last answer; None before the first answer."""
        known = self._cache.setdefault(host, _ResolvedName())
        now = asyncio.get_running_loop().time()
        if (
            now - known.answered_at > RESOLVED_NAME_LIFETIME_S
            and now - known.asked_at > NAME_QUERY_RETRY_S
        ):
            known.asked_at = now
            self._query(host, known)
        return known.addresses[0] if known.addresses else None

    def resolves(self, host: str) -> bool:
        """Whether the last answer that is not too old held an address of `host`."""
        known = self._cache.get(host)
        if known is None or known.resolved_at < known.answered_at:
            return False
        now = asyncio.get_running_loop().time()
        return now - known.resolved_at < RESOLVED_NAME_LIFETIME_S + 2 * NAME_QUERY_RETRY_S

    def close(self) -> None:
        """Stop asking."""
        for known in self._cache.values():
            known.stop()

    def _query(self, host: str, known: _ResolvedName) -> None:
        known.stop()
        if not self._servers:
            return
        server = self._servers[next(self._server_counter) % len(self._servers)]
        asked = encode_question(host, self._kind)
        try:
            query = DnsQuery(self._binding, server, 53, asked)
        except OSError:
            return
        known.stop = query.close

        def on_answer(message: bytes, arrived_at: float) -> None:
            query.close()
            known.answered_at = arrived_at
            beyond = [
                x for x in parse_dns_addresses(message, asked, self._kind) if self._is_beyond(x)
            ]
            known.addresses = tuple(beyond) or known.addresses
            known.resolved_at = arrived_at if beyond else known.resolved_at

        query.listen(on_answer=on_answer, on_error=lambda _: query.close())

    def _is_beyond(self, address: IpAddress) -> bool:
        """Whether it is somewhere beyond the line. A block list answers with 0.0.0.0; we do not."""
        if any(address in network for network in self._not_beyond):
            return False
        return not is_own_address(address)


def is_own_address(address: IpAddress) -> bool:
    """Whether this machine has the address: the kernel binds a socket to no other."""
    with socket.socket(address_family(address), socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def system_resolvers(path: Path = RESOLV_CONF) -> tuple[IpAddress, ...]:
    """Resolvers of this machine that can be reached over a line (none on loopback)."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    words = [line.split() for line in lines if line.startswith("nameserver")]
    found = [_parse_address(each[1]) for each in words if len(each) > 1]
    return tuple(each for each in found if each is not None and not each.is_loopback)


def _parse_address(text: str) -> IpAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
