"""The resolvers of the lines, for dnsmasq: each is asked by its own line, while that is fit. Pure.

A hotel lets port 53 through to its own resolver alone, and names it in the lease. Its answers are
the provider's word, so beside the resolvers of the file they serve only while none of those
answers: a neighbour with a DHCP server must not answer faster.
"""

from collections.abc import Iterator, Mapping

from lbrouter.compile.routing.balance import gateway_uplink
from lbrouter.compile.routing.usability import Usability, usability
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import AddressFamily, IpAddress

Resolvers = Mapping[str, tuple[IpAddress, ...]]
"""By uplink."""


def may_have_resolvers(config: Config) -> bool:
    """Whether a line can bring a resolver, now or later."""
    return any(
        uplink.resolvers or (uplink.uses_lease_dns and _is_told_resolvers(uplink))
        for uplink in config.uplinks.values()
    )


def told_resolvers(config: Config, facts: Facts) -> Resolvers:
    """What providers named, of the lines whose file takes it; none that is one of our own hosts."""
    found = {
        name: tuple(each for each in _told(name, facts) if not _is_inside(config, each))
        for name, uplink in config.uplinks.items()
        if uplink.uses_lease_dns
    }
    return {name: resolvers for name, resolvers in found.items() if resolvers}


def file_resolvers(config: Config) -> Resolvers:
    """What the file names for single lines."""
    return {name: uplink.resolvers for name, uplink in config.uplinks.items() if uplink.resolvers}


def servers_text(
    config: Config, health: GatewayHealth, facts: Facts, *, file_is_silent: bool
) -> str:
    """The file of dnsmasq's option "servers-file": a line for each resolver that is asked now.

    `file_is_silent`: none of `gateway.dns` answers.
    """
    resolvers = {**file_resolvers(config)}
    if not config.gateway.dns or file_is_silent:
        resolvers |= told_resolvers(config, facts)
    lines = (
        f"server={resolver}@{config.uplinks[name].device}\n"
        for family in AddressFamily
        for name in _asked_lines(config, resolvers, family, health, facts)
        for resolver in resolvers[name]
        if resolver.version == family.version
    )
    return "".join(dict.fromkeys(lines))


def _asked_lines(
    config: Config,
    resolvers: Resolvers,
    family: AddressFamily,
    health: GatewayHealth,
    facts: Facts,
) -> list[str]:
    """The lines by which resolvers are asked: fit and unmetered ones, else fit ones, else one."""
    able = [
        name
        for name, found in resolvers.items()
        if any(each.version == family.version for each in found)
    ]
    fit = [name for name in able if usability(config, name, family, health, facts) is Usability.FIT]
    unmetered = [name for name in fit if not config.uplinks[name].metered]
    best = gateway_uplink(config, health, family, facts)
    return unmetered or fit or [name for name in able if name == best]


def _is_told_resolvers(uplink: Uplink) -> bool:
    return uplink.addressing is Addressing.DHCP or uplink.auto6


def _told(name: str, facts: Facts) -> Iterator[IpAddress]:
    if name in facts.leases:
        yield from facts.leases[name].dns
    if name in facts.advertised:
        yield from facts.advertised[name].dns


def _is_inside(config: Config, address: IpAddress) -> bool:
    """Whether it lies in a VLAN: such a resolver would be reached by no line."""
    own = (
        each.network
        for vlan in config.vlans.values()
        for each in (vlan.address, vlan.address6)
        if each is not None
    )
    return any(address in network for network in own)
