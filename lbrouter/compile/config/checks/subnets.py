"""Checks of the subnets against each other, and the search for a free one to propose.

Uplinks may share a subnet, even an address: each has a route table of its own. A VLAN shares with
no other section: the gateway must know by the address alone where its clients are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_network
from typing import Final

from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath, format_key_path
from lbrouter.model.config import Config
from lbrouter.model.kernel_state import IpAddress, IpInterface, IpNetwork
from lbrouter.model.messages.phrase import phrase

PRIVATE_RANGES: Final[dict[int, tuple[IpNetwork, ...]]] = {
    4: (ip_network("10.0.0.0/8"), ip_network("172.16.0.0/12"), ip_network("192.168.0.0/16")),
    6: (ip_network("fd10::/16"), ip_network("fd20::/16")),
}
"""Private space (RFC 1918, RFC 4193) in which a free subnet is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetClaim:
    """A subnet that a section of the file uses."""

    network: IpNetwork
    path: KeyPath
    value: object

    @property
    def is_vlan(self) -> bool:
        """Whether a VLAN claims it."""
        return self.path[0] == "vlans"

    @property
    def first_address(self) -> int:
        """First address, as a number."""
        return int(self.network.network_address)

    @property
    def last_address(self) -> int:
        """Last address, as a number."""
        return int(self.network.broadcast_address)


def errors(config: Config) -> Iterator[Diagnostic]:
    """Each VLAN subnet that overlaps another VLAN's or an uplink's."""
    for version in (4, 6):
        claims = [claim for claim in _claims(config) if claim.network.version == version]
        space = FreeSubnets(claims, PRIVATE_RANGES[version])
        for one, other in _overlapping_pairs(claims):
            proposal = space.take(one.network.prefixlen)
            yield Diagnostic(
                path=one.path,
                value=one.value,
                reason=phrase(
                    "{network} overlaps {other} of {path}",
                    network=one.network,
                    other=other.network,
                    path=format_key_path(other.path),
                ),
                accepted=phrase('a subnet of its own, "{free}" is free', free=proposal)
                if proposal
                else "a subnet of its own",
                depends_on=(other.path,),
            )


def free_subnet(config: Config, network: IpNetwork, length: int) -> str:
    """A gateway's address in a subnet of prefix `length` that neither the file nor `network` uses.

    "" where private space has no room for it.
    """
    return next(iter(free_subnets(config, [network], [length])), "")


def free_subnets(
    config: Config, used: Sequence[IpNetwork], lengths: Iterable[int]
) -> tuple[str, ...]:
    """As `free_subnet`, one for each of `lengths`, beside the networks `used` of one family."""
    version = used[0].version
    taken = [SubnetClaim(network=network, path=(), value=network) for network in used]
    claims = [claim for claim in _claims(config) if claim.network.version == version]
    space = FreeSubnets([*claims, *taken], PRIVATE_RANGES[version])
    return tuple(proposal for length in lengths if (proposal := space.take(length)))


def _claims(config: Config) -> Iterator[SubnetClaim]:
    for vlan in config.vlans.values():
        where: KeyPath = ("vlans", vlan.name)
        yield from _claim_of(vlan.address, (*where, "address"))
        yield from _claim_of(vlan.address6, (*where, "address6"))
    for uplink in config.uplinks.values():
        where = ("uplinks", uplink.name)
        yield from _claim_of(uplink.static4, (*where, "address"))
        if uplink.is_lane:
            yield from _claim_of(uplink.inside_address, (*where, "inside"))
        yield from _claim_of(uplink.static6, (*where, "address6"))
        yield from _claim_of(uplink.gateway, (*where, "gateway"))
        yield from _claim_of(uplink.gateway6, (*where, "gateway6"))
        for index, address in enumerate(uplink.addresses):
            yield from _claim_of(address, (*where, "addresses", index))


def _claim_of(value: IpInterface | IpAddress | None, path: KeyPath) -> Iterator[SubnetClaim]:
    """The subnet of an address with a prefix length; of a gateway, itself alone."""
    if isinstance(value, IPv4Interface | IPv6Interface):
        yield SubnetClaim(network=value.network, path=path, value=value)
    elif value is not None:
        yield SubnetClaim(network=ip_network(value), path=path, value=value)


def _overlapping_pairs(claims: Iterable[SubnetClaim]) -> Iterator[tuple[SubnetClaim, SubnetClaim]]:
    """Pairs (a VLAN's claim, another) that overlap, each VLAN once or twice, in one sweep.

    Networks overlap only by containing one another, so a stack of the enclosing ones is enough.
    """
    around: list[SubnetClaim] = []
    seen: set[tuple[KeyPath, KeyPath]] = set()
    for claim in sorted(claims, key=lambda one: (one.first_address, -one.last_address)):
        while around and around[-1].last_address < claim.first_address:
            around.pop()
        other = next((o for o in reversed(around) if o.is_vlan or claim.is_vlan), None)
        around.append(claim)
        if other is None:
            continue
        one, two = (claim, other) if claim.is_vlan else (other, claim)
        if (one.path[:2], two.path[:2]) not in seen:
            seen.add((one.path[:2], two.path[:2]))
            yield one, two


class FreeSubnets:
    """Hands out subnets of private space that the file does not claim, each once."""

    def __init__(self, claims: Iterable[SubnetClaim], pools: Iterable[IpNetwork]) -> None:
        self._claims = tuple(claims)
        self._pools = tuple(pools)
        self._next = {pool: self._end_of_claims(pool) for pool in self._pools}

    def _end_of_claims(self, pool: IpNetwork) -> int:
        """The first address after all claims in `pool`."""
        start, end = int(pool.network_address), int(pool.broadcast_address)
        inside = [
            claim.last_address + 1
            for claim in self._claims
            if start <= claim.last_address and claim.first_address <= end
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
