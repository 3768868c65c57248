"""dnsmasq's lease file: the leases, and how full the pools are. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from lbrouter.compile.services.dnsmasq import pool_size
from lbrouter.compile.services.pool_usage import (
    POOL_NEARLY_FULL_PERCENT,
    PoolUsage,
    nearly_full_message,
    used_percent,
)
from lbrouter.model.config import Config
from lbrouter.model.messages.phrase import phrase

POOL_RECOVERED_PERCENT: Final = 70
"""Below this the warning ends: lower than the first, so that one guest does not switch it."""


DEVICE_NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""Devices choose their names: none that could write to a terminal is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanLease:
    """One leased address. `expires` in seconds since the epoch (0: never), `mac` as it stands.

    `name` is what the device calls itself; "" where it says nothing, or no plain host name.
    """

    expires: int
    mac: str
    address: IPv4Address
    name: str = ""


def parse_leases(text: str) -> tuple[LanLease, ...]:
    """The IPv4 leases of a file (dnsmasq writes "expiry MAC address name client-id" a line).

    Lines that do not look so (the server's own DUID, a line half written) are passed over.
    """
    leases = (_parse_line(line.split()) for line in text.splitlines())
    return tuple(lease for lease in leases if lease is not None)


def pool_usage(config: Config, lan_leases: Iterable[LanLease], *, now: int) -> dict[str, PoolUsage]:
    """Each VLAN that leases addresses, with what is leased at `now` (seconds since the epoch)."""
    alive = [lease.address for lease in lan_leases if lease.expires == 0 or lease.expires > now]
    return {
        vlan.name: PoolUsage(
            used=sum(address in vlan.dhcp.range for address in alive), size=pool_size(vlan.dhcp)
        )
        for vlan in config.vlans.values()
        if vlan.dhcp is not None
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChanges:
    """The pools that are nearly full now, and a sentence for each change."""

    nearly_full: frozenset[str]
    messages: dict[str, str]


def pool_changes(usage: Mapping[str, PoolUsage], before: frozenset[str]) -> PoolChanges:
    """Which pools are nearly full now; `before` are those that were."""
    now = {name for name, pool in usage.items() if used_percent(pool) >= POOL_NEARLY_FULL_PERCENT}
    now |= {
        n
        for n, pool in usage.items()
        if n in before and used_percent(pool) >= POOL_RECOVERED_PERCENT
    }
    sentences = {name: nearly_full_message(name, usage[name]) for name in sorted(now - before)}
    for name in sorted(before - now):
        pool = usage.get(name)
        sentences[name] = (
            phrase("VLAN {vlan} has addresses again", vlan=name)
            if pool is None
            else phrase(
                "VLAN {vlan} has addresses again ({used} of {size} are on loan)",
                vlan=name,
                used=pool["used"],
                size=pool["size"],
            )
        )
    return PoolChanges(nearly_full=frozenset(now), messages=sentences)


def _parse_line(words: list[str]) -> LanLease | None:
    if len(words) != 5 or not (words[0].isascii() and words[0].isdigit()):
        return None
    try:
        return LanLease(
            expires=int(words[0]),
            mac=words[1],
            address=IPv4Address(words[2]),
            name=words[3] if DEVICE_NAME_PATTERN.fullmatch(words[3]) else "",
        )
    except ValueError:
        return None
