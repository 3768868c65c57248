"""Addresses of targets that are named, asked through the very line that is judged.

The machine's own resolver would answer by whatever line lives; so would its cache.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Final

from lbrouter.kernel.probe.bound_socket import Line
from lbrouter.kernel.probe.dns import Question, RecordType, addresses, question
from lbrouter.model.kernel_state import IpAddress

FRESH_S: Final = 60.0
PATIENCE_S: Final = 2.0
RESOLV_CONF: Final = Path("/etc/resolv.conf")


@dataclass(slots=True, kw_only=True)
class _Known:
    """What is known of a name. An old address stays: it is better than none while DNS is down."""

    found: tuple[IpAddress, ...] = ()
    asked_at: float = float("-inf")
    answered_at: float = float("-inf")
    stop: Callable[[], object] = field(default=lambda: None)


class Names:
    """Looks names up in the background; `look_up` never waits."""

    def __init__(self, line: Line, servers: Sequence[IpAddress], kind: RecordType) -> None:
        self._line, self._kind = line, kind
        self._servers = servers
        self._turn = count()
        self._known: dict[str, _Known] = {}

    def look_up(self, host: str) -> IpAddress | None:
        """The first address of `host` as last heard; None before the first answer."""
        known = self._known.setdefault(host, _Known())
        now = asyncio.get_running_loop().time()
        if now - known.answered_at > FRESH_S and now - known.asked_at > PATIENCE_S:
            known.asked_at = now
            self._ask(host, known)
        return known.found[0] if known.found else None

    def close(self) -> None:
        """Stop asking."""
        for known in self._known.values():
            known.stop()

    def _ask(self, host: str, known: _Known) -> None:
        known.stop()
        if not self._servers:
            return
        server = self._servers[next(self._turn) % len(self._servers)]
        asked = question(host, self._kind)
        try:
            query = Question(self._line, server, 53, asked)
        except OSError:
            return
        known.stop = query.close

        def heard(message: bytes, arrived_at: float) -> None:
            query.close()
            known.answered_at = arrived_at
            known.found = tuple(addresses(message, asked, self._kind)) or known.found

        query.listen(heard=heard, failed=lambda _: query.close())


def system_servers(path: Path = RESOLV_CONF) -> tuple[IpAddress, ...]:
    """Resolvers of this machine that can be reached over a line (none on loopback)."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    words = [line.split() for line in lines if line.startswith("nameserver")]
    found = [_address(each[1]) for each in words if len(each) > 1]
    return tuple(each for each in found if each is not None and not each.is_loopback)


def _address(text: str) -> IpAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
