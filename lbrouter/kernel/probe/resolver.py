"""Addresses of targets with a name, looked up through the uplink that is tested.

The machine's own resolver would answer by any uplink that works; so would its cache.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Final

from lbrouter.kernel.probe.bound_socket import UplinkBinding
from lbrouter.kernel.probe.dns import DnsQuery, RecordType, encode_question, parse_addresses
from lbrouter.model.kernel_state import IpAddress

RESOLVED_NAME_LIFETIME_S: Final = 60.0
NAME_QUERY_RETRY_S: Final = 2.0
RESOLV_CONF: Final = Path("/etc/resolv.conf")


@dataclass(slots=True, kw_only=True)
class _ResolvedName:
    """What is known of a name. An old address stays: it is better than none while DNS is down."""

    addresses: tuple[IpAddress, ...] = ()
    asked_at: float = float("-inf")
    answered_at: float = float("-inf")
    stop: Callable[[], object] = field(default=lambda: None)


class NameResolver:
    """Looks names up in the background; `look_up` never waits."""

    def __init__(
        self, binding: UplinkBinding, servers: Sequence[IpAddress], kind: RecordType
    ) -> None:
        self._binding, self._kind = binding, kind
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
            known.addresses = tuple(parse_addresses(message, asked, self._kind)) or known.addresses

        query.listen(on_answer=on_answer, on_error=lambda _: query.close())


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
