"""Checks of the subnets against each other, and the search for a free one to propose.

Uplinks may share a subnet, even an address: each has a table of its own. A VLAN shares with nobody,
for the gateway must know by the address alone where its clients are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_network
from typing import Final

from lbrouter.compile.config.diagnostics import Finding, Path, dotted
from lbrouter.model.config import Config
from lbrouter.model.kernel_state import IpAddress, IpInterface, IpNetwork

POOLS: Final[dict[int, tuple[IpNetwork, ...]]] = {
    4: (ip_network("10.0.0.0/8"), ip_network("172.16.0.0/12"), ip_network("192.168.0.0/16")),
    6: (ip_network("fd10::/16"), ip_network("fd20::/16")),
}
"""Private space (RFC 1918, RFC 4193) in which a free subnet is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A subnet that a section of the file uses."""

    network: IpNetwork
    path: Path
    value: object

    @property
    def is_vlan(self) -> bool:
        """Whether a VLAN claims it."""
        return self.path[0] == "vlans"

    @property
    def first(self) -> int:
        """First address, as a number."""
        return int(self.network.network_address)

    @property
    def last(self) -> int:
        """Last address, as a number."""
        return int(self.network.broadcast_address)


def faults(config: Config) -> Iterator[Finding]:
    """Each VLAN subnet that overlaps another VLAN's or an uplink's."""
    for version in (4, 6):
        claims = [claim for claim in _claims(config) if claim.network.version == version]
        space = FreeSpace(claims, POOLS[version])
        for one, other in _overlaps(claims):
            yield _overlap(one, other, space)


def free_beside(config: Config, network: IpNetwork, length: int) -> str:
    """A gateway's address in a subnet of prefix `length` that neither the file nor `network` uses.

    "" where private space has no room for it.
    """
    taken = Claim(network=network, path=(), value=network)
    claims = [claim for claim in _claims(config) if claim.network.version == network.version]
    return FreeSpace([*claims, taken], POOLS[network.version]).take(length)


def _claims(config: Config) -> Iterator[Claim]:
    for vlan in config.vlans.values():
        where: Path = ("vlans", vlan.name)
        yield from _claim(vlan.address, (*where, "address"))
        yield from _claim(vlan.address6, (*where, "address6"))
    for uplink in config.uplinks.values():
        where = ("uplinks", uplink.name)
        yield from _claim(uplink.static4, (*where, "address"))
        yield from _claim(uplink.static6, (*where, "address6"))
        yield from _claim(uplink.gateway, (*where, "gateway"))
        yield from _claim(uplink.gateway6, (*where, "gateway6"))


def _claim(value: IpInterface | IpAddress | None, path: Path) -> Iterator[Claim]:
    """The subnet of an address with a prefix length; of a gateway, itself alone."""
    if isinstance(value, IPv4Interface | IPv6Interface):
        yield Claim(network=value.network, path=path, value=value)
    elif value is not None:
        yield Claim(network=ip_network(value), path=path, value=value)


def _overlaps(claims: Iterable[Claim]) -> Iterator[tuple[Claim, Claim]]:
    """Pairs (a VLAN's claim, another) that overlap, each VLAN once or twice, in one sweep.

    Networks overlap only by containing one another, so a stack of those around will do.
    """
    around: list[Claim] = []
    seen: set[tuple[Path, Path]] = set()
    for claim in sorted(claims, key=lambda each: (each.first, -each.last)):
        while around and around[-1].last < claim.first:
            around.pop()
        other = next((o for o in reversed(around) if o.is_vlan or claim.is_vlan), None)
        around.append(claim)
        if other is None:
            continue
        one, two = (claim, other) if claim.is_vlan else (other, claim)
        if (one.path[:2], two.path[:2]) not in seen:
            seen.add((one.path[:2], two.path[:2]))
            yield one, two


def _overlap(one: Claim, other: Claim, space: "FreeSpace") -> Finding:
    proposal = space.take(one.network.prefixlen)
    return Finding(
        path=one.path,
        value=one.value,
        reason=f"{one.network} overlaps {other.network} of {dotted(other.path)}",
        accepted="a subnet of its own" + (f', "{proposal}" is free' if proposal else ""),
        needs=(other.path,),
    )


class FreeSpace:
    """Hands out subnets of private space that nobody in the file claims, each once."""

    def __init__(self, claims: Iterable[Claim], pools: Iterable[IpNetwork]) -> None:
        self._claims = tuple(claims)
        self._pools = tuple(pools)
        self._next = {pool: self._after(pool) for pool in self._pools}

    def _after(self, pool: IpNetwork) -> int:
        """The first address behind all that is claimed in `pool`."""
        start, end = int(pool.network_address), int(pool.broadcast_address)
        inside = [
            claim.last + 1 for claim in self._claims if start <= claim.last and claim.first <= end
        ]
        return max(inside, default=start)

    def take(self, length: int) -> str:
        """The gateway's address in a free subnet of prefix `length`, "" when there is no room."""
        for pool in self._pools:
            size = 1 << (pool.max_prefixlen - length)
            start = -(-self._next[pool] // size) * size
            if length >= pool.prefixlen and start + size - 1 <= int(pool.broadcast_address):
                self._next[pool] = start + size
                return f"{pool.network_address + (start + 1 - int(pool.network_address))}/{length}"
        return ""
