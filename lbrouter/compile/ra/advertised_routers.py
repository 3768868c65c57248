"""The routers that advertise themselves on one line: who they are, and until when. Pure.

Their number is bounded: a neighbour may call itself three hundred routers. Times are seconds of
CLOCK_BOOTTIME, inf for never.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, IPv6Network
from math import inf
from typing import Final

from lbrouter.compile.ra.advertisement import (
    MAX_PREFIXES,
    AdvertisedPrefix,
    RouterAdvertisement,
)
from lbrouter.model.lease import DnsServers

MAX_ROUTERS: Final = 8
INFINITE_LIFETIME_S: Final = 0xFFFFFFFF
MIN_IPV6_MTU: Final = 1280
"""What every link of IPv6 carries (RFC 8200, 5): a smaller value is ignored."""

SILENT_ROUTER_PAUSE_S: Final = 60.0
"""For so long a router that does not answer ranks behind those that may, also where it advertises
itself again at once."""

SLAAC_LENGTH: Final = 64
"""Addresses are formed under a prefix of this length alone (RFC 4862, 5.5.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardPrefix:
    """A prefix of a router, and until when addresses under it are valid, and preferred."""

    network: IPv6Network
    on_link: bool
    autonomous: bool
    valid_until: float
    preferred_until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardRouter:
    """A router, by its link-local address, as its last advertisement described it."""

    address: IPv6Address
    mac: str
    preference: int
    until: float
    managed: bool
    other: bool
    mtu: int
    prefixes: tuple[HeardPrefix, ...]
    dns: DnsServers
    dns_until: float
    silent_until: float = 0.0
    """Its hardware address was asked for, and nothing came: until then others come first."""

    @property
    def forms_addresses(self) -> bool:
        """Whether a host can form an address under one of its prefixes."""
        return any(
            prefix.autonomous and prefix.network.prefixlen == SLAAC_LENGTH
            for prefix in self.prefixes
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertisedRouters:
    """All routers of a line, the best first, and how many there were no places for."""

    routers: tuple[HeardRouter, ...] = ()
    left_out: int = 0


def routers_after(
    known: AdvertisedRouters, heard: RouterAdvertisement, *, source: IPv6Address, at: float
) -> AdvertisedRouters:
    """The routers after an advertisement of `source`.

    The one that ranks first is used. An equal one that comes later ranks behind: the router in use
    stays in use, and one of many that call themselves routers takes no place from it.
    """
    living = current_routers(known, at)
    before = {router.address: router for router in living.routers}
    if heard.lifetime_s == 0:
        stay = [router for router in living.routers if router.address != source]
        return replace(living, routers=tuple(stay))
    told = _heard_router(heard, before.get(source), source, at)
    others = [told if router.address == source else router for router in living.routers]
    if source not in before:
        others.append(told)
    ranked = _ranked(others, at)
    return AdvertisedRouters(
        routers=ranked[:MAX_ROUTERS], left_out=living.left_out + (len(ranked) > MAX_ROUTERS)
    )


def with_silent_router(
    known: AdvertisedRouters, address: IPv6Address, *, at: float
) -> AdvertisedRouters:
    """With a router that does not answer for itself: others come first for a while (6.3.6)."""
    until = at + SILENT_ROUTER_PAUSE_S
    routers = [
        replace(router, silent_until=until) if router.address == address else router
        for router in known.routers
    ]
    return replace(known, routers=_ranked(routers, at))


def _ranked(routers: Iterable[HeardRouter], at: float) -> tuple[HeardRouter, ...]:
    """The best first; of equal ones, the one that was there first."""

    def rank(router: HeardRouter) -> tuple[bool, bool, int]:
        return router.silent_until > at, not router.forms_addresses, router.preference

    return tuple(sorted(routers, key=rank))


def current_routers(known: AdvertisedRouters, at: float) -> AdvertisedRouters:
    """Without the routers, prefixes and resolvers whose time is over `at` this moment."""
    living = tuple(
        replace(
            router,
            prefixes=tuple(prefix for prefix in router.prefixes if prefix.valid_until > at),
            dns=router.dns if router.dns_until > at else (),
        )
        for router in known.routers
        if router.until > at
    )
    return AdvertisedRouters(
        routers=_ranked(living, at), left_out=known.left_out if len(living) == MAX_ROUTERS else 0
    )


def _heard_router(
    heard: RouterAdvertisement, before: HeardRouter | None, source: IPv6Address, at: float
) -> HeardRouter:
    """A router with what it says now. What it said before and is silent of now stays (6.3.4)."""
    prefixes = {prefix.network: prefix for prefix in (before.prefixes if before else ())}
    prefixes |= {prefix.network: _heard_prefix(prefix, at) for prefix in heard.prefixes}
    dns, dns_until = heard.dns, _end(heard.dns_lifetime_s, at)
    if before is not None and not heard.dns:
        dns, dns_until = before.dns, before.dns_until
    return HeardRouter(
        address=source,
        mac=heard.mac,
        preference=heard.preference,
        until=at + heard.lifetime_s,
        managed=heard.managed,
        other=heard.other,
        mtu=heard.mtu if heard.mtu >= MIN_IPV6_MTU else 0,
        prefixes=tuple(each for each in prefixes.values() if each.valid_until > at)[:MAX_PREFIXES],
        dns=dns,
        dns_until=dns_until,
        silent_until=0.0 if before is None else before.silent_until,
    )


def _heard_prefix(prefix: AdvertisedPrefix, at: float) -> HeardPrefix:
    return HeardPrefix(
        network=prefix.network,
        on_link=prefix.on_link,
        autonomous=prefix.autonomous,
        valid_until=_end(prefix.valid_s, at),
        preferred_until=_end(prefix.preferred_s, at),
    )


def _end(lifetime_s: int, at: float) -> float:
    return inf if lifetime_s == INFINITE_LIFETIME_S else at + lifetime_s
