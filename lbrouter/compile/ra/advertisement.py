"""Router advertisements on the wire (RFC 4861, 4.2; RFC 4191; RFC 8106). Input is not trusted."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address, IPv6Network
from struct import Struct
from typing import Final

from lbrouter.model.lease import DnsServers

ADVERTISEMENT_TYPE: Final = 134
"""The ICMPv6 type."""

ADVERTISEMENT_HEADER: Final = Struct("!BBHBBHII")
"""Type, code, checksum (the kernel has checked it), hop limit, flags, lifetime of the router in
seconds, reachable time, retransmission time."""

FLAG_MANAGED, FLAG_OTHER = 0x80, 0x40
PREFERENCE_SHIFT: Final = 3

PREFIX_OPTION: Final = Struct("!BBBBIII16s")
"""Type, length, prefix length, flags, valid and preferred lifetime in seconds, reserved, prefix."""

FLAG_ON_LINK, FLAG_AUTONOMOUS = 0x80, 0x40
MTU_OPTION: Final = Struct("!BBHI")
DNS_OPTION: Final = Struct("!BBHI")
"""Type, length, reserved, lifetime in seconds; then the addresses."""

OPTION_UNIT_BYTES: Final = 8
IPV6_BYTES: Final = 16
MAC_BYTES: Final = 6
MAX_PREFIXES: Final = 8
"""Prefixes of one router that are heeded."""

MAX_DNS_SERVERS: Final = 4
"""Resolvers of one router that are heeded."""


class RouterPreference(IntEnum):
    """How much a router wants to be used (RFC 4191, 2.1): the lower the better."""

    HIGH = 0
    MEDIUM = 1
    LOW = 2


WIRE_PREFERENCES: Final = {
    0b01: RouterPreference.HIGH,
    0b00: RouterPreference.MEDIUM,
    0b11: RouterPreference.LOW,
}
"""The fourth value is reserved, and counts as medium."""


class NdOption(IntEnum):
    """Options that are read."""

    SOURCE_MAC = 1
    PREFIX = 3
    MTU = 5
    DNS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertisedPrefix:
    """A prefix, and for how many seconds from now. `autonomous`: hosts form addresses under it."""

    network: IPv6Network
    on_link: bool
    autonomous: bool
    valid_s: int
    preferred_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterAdvertisement:
    """One advertisement. `lifetime_s` 0: the router is no way out. `mtu` 0: it says nothing."""

    lifetime_s: int
    preference: RouterPreference = RouterPreference.MEDIUM
    managed: bool = False
    other: bool = False
    mac: str = ""
    """The hardware address that the router names, "" where it names none."""
    mtu: int = 0
    prefixes: tuple[AdvertisedPrefix, ...] = ()
    dns: DnsServers = ()
    dns_lifetime_s: int = 0


def decode_advertisement(data: bytes) -> RouterAdvertisement | None:
    """The advertisement in an ICMPv6 message; None for data that is not a well-formed one.

    Of many prefixes and resolvers the first count.
    """
    if len(data) < ADVERTISEMENT_HEADER.size:
        return None
    kind, code, _, _, flags, lifetime, _, _ = ADVERTISEMENT_HEADER.unpack_from(data)
    options = _options(data[ADVERTISEMENT_HEADER.size :])
    if (kind, code) != (ADVERTISEMENT_TYPE, 0) or options is None:
        return None
    dns, dns_lifetime_s = _dns_servers(options)
    preference = (flags >> PREFERENCE_SHIFT) & 0b11
    return RouterAdvertisement(
        lifetime_s=lifetime,
        preference=WIRE_PREFERENCES.get(preference, RouterPreference.MEDIUM),
        managed=bool(flags & FLAG_MANAGED),
        other=bool(flags & FLAG_OTHER),
        mac=_mac(options),
        mtu=_mtu(options),
        prefixes=tuple(_prefixes(options))[:MAX_PREFIXES],
        dns=dns,
        dns_lifetime_s=dns_lifetime_s,
    )


def _options(data: bytes) -> list[tuple[int, bytes]] | None:
    """Types and whole options; None where one is cut off, or of no length (RFC 4861, 6.1.2)."""
    found = []
    at = 0
    while at < len(data):
        size = data[at + 1] * OPTION_UNIT_BYTES if at + 1 < len(data) else 0
        if size == 0 or at + size > len(data):
            return None
        found.append((data[at], data[at : at + size]))
        at += size
    return found


def _prefixes(options: list[tuple[int, bytes]]) -> Iterator[AdvertisedPrefix]:
    """The prefixes; one whose bits go on behind its length is cut to it (RFC 4861, 4.6.2)."""
    for kind, value in options:
        if kind != NdOption.PREFIX or len(value) != PREFIX_OPTION.size:
            continue
        _, _, length, flags, valid, preferred, _, prefix = PREFIX_OPTION.unpack(value)
        if length > IPV6_BYTES * 8 or preferred > valid:
            continue
        network = IPv6Network((prefix, length), strict=False)
        if network.is_link_local or network.is_multicast or network.is_loopback:
            continue
        yield AdvertisedPrefix(
            network=network,
            on_link=bool(flags & FLAG_ON_LINK),
            autonomous=bool(flags & FLAG_AUTONOMOUS),
            valid_s=valid,
            preferred_s=preferred,
        )


def _dns_servers(options: list[tuple[int, bytes]]) -> tuple[DnsServers, int]:
    """The first option with resolvers, and its lifetime in seconds."""
    for kind, value in options:
        if kind == NdOption.DNS and len(value) >= DNS_OPTION.size + IPV6_BYTES:
            *_, lifetime = DNS_OPTION.unpack_from(value)
            body = value[DNS_OPTION.size :]
            whole = range(0, len(body) - IPV6_BYTES + 1, IPV6_BYTES)
            servers = [IPv6Address(body[at : at + IPV6_BYTES]) for at in whole]
            usable = [each for each in servers if not each.is_multicast and int(each) > 1]
            return tuple(usable)[:MAX_DNS_SERVERS], lifetime
    return (), 0


def _mac(options: list[tuple[int, bytes]]) -> str:
    for kind, value in options:
        if kind == NdOption.SOURCE_MAC and len(value) == OPTION_UNIT_BYTES:
            return value[2 : 2 + MAC_BYTES].hex(":")
    return ""


def _mtu(options: list[tuple[int, bytes]]) -> int:
    for kind, value in options:
        if kind == NdOption.MTU and len(value) == MTU_OPTION.size:
            *_, mtu = MTU_OPTION.unpack(value)
            return int(mtu)
    return 0
