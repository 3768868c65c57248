"""Rogue IPv6 routers on our VLANs: which advertise themselves, are new, have gone. Pure.

On a VLAN this machine is the router. Another one takes the IPv6 of all clients that hear it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Final

from lbrouter.compile.report.status_types import RouterStatus

ROGUE_ROUTER_SILENT_AFTER_S: Final = 1800.0
"""The longest pause between two advertisements of a router (RFC 4861, 6.2.1)."""

MAX_ROGUE_ROUTERS: Final = 16
"""For each VLAN: more of them add nothing, and one machine may call itself thousands."""

EUI64_MARK: Final = b"\xff\xfe"


@dataclass(frozen=True, slots=True, kw_only=True)
class RogueRouter:
    """A router beside ours on a VLAN, and when it was last heard, in seconds of CLOCK_BOOTTIME."""

    vlan: str
    address: IPv6Address
    mac: str
    """The hardware address that it names, else the one in its address; "" where neither does."""
    heard_at: float


RogueRouters = Mapping[tuple[str, IPv6Address], RogueRouter]


@dataclass(frozen=True, slots=True, kw_only=True)
class RogueRouterScan:
    """All that are there after an advertisement, and those that appeared or went."""

    present: RogueRouters = field(default_factory=dict)
    appeared: tuple[RogueRouter, ...] = ()
    disappeared: tuple[RogueRouter, ...] = ()


def scan_after_advertisement(
    present: RogueRouters, router: RogueRouter, *, lifetime_s: int, prefixes: int
) -> RogueRouterScan:
    """After one of `router`. One that takes itself back, and names no prefix, is gone."""
    key = (router.vlan, router.address)
    known = present.get(key)
    if lifetime_s == 0 and prefixes == 0:
        left = {other: each for other, each in present.items() if other != key}
        return RogueRouterScan(present=left, disappeared=() if known is None else (known,))
    on_vlan = sum(vlan == router.vlan for vlan, _ in present)
    if known is None and on_vlan >= MAX_ROGUE_ROUTERS:
        return RogueRouterScan(present=present)
    return RogueRouterScan(
        present={**present, key: router}, appeared=(router,) if known is None else ()
    )


def scan_after_silence(
    present: RogueRouters, vlans: frozenset[str], *, at: float
) -> RogueRouterScan:
    """At a moment: without those that were silent for too long, or whose VLAN is gone."""
    left = {
        key: router
        for key, router in present.items()
        if router.vlan in vlans and at - router.heard_at < ROGUE_ROUTER_SILENT_AFTER_S
    }
    gone = tuple(router for key, router in present.items() if key not in left)
    return RogueRouterScan(present=left, disappeared=gone)


def mac_of_link_local(address: IPv6Address) -> str:
    """The hardware address that a link-local address was formed of; "" where it was not."""
    low = address.packed[8:]
    if low[3:5] != EUI64_MARK:
        return ""
    return (bytes((low[0] ^ 2,)) + low[1:3] + low[5:]).hex(":")


def rogue_router_status(present: RogueRouters, vlan: str) -> list[RouterStatus]:
    """The key "other_routers" of a VLAN in `status --json`."""
    return [
        {"mac": router.mac, "address": str(router.address)}
        for router in present.values()
        if router.vlan == vlan
    ]
