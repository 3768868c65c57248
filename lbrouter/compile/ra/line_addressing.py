"""What of the advertisements on an uplink's line is used: addresses, the router, what is refused.

A prefix stands in its own line's table alone, so it can take nothing from another line. One that
overlaps a VLAN, or a part of another line, is refused all the same: the address under it would be
one of ours there.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv6Address, IPv6Interface, IPv6Network

from lbrouter.compile.config.checks.subnets import free_subnet
from lbrouter.compile.ra.advertised_routers import (
    SLAAC_LENGTH,
    AdvertisedRouters,
    HeardPrefix,
    HeardRouter,
    current_routers,
)
from lbrouter.model.config import Config
from lbrouter.model.facts import InterfaceFacts
from lbrouter.model.lease import AdvertisedLine
from lbrouter.model.messages.codes import AddressCode, OfferCode
from lbrouter.model.messages.message import Message, message

INTERFACE_ID_MASK = (1 << SLAAC_LENGTH) - 1


def advertised_lines(
    config: Config,
    heard: Mapping[str, AdvertisedRouters],
    interfaces: Mapping[str, InterfaceFacts],
    *,
    at: float,
) -> dict[str, AdvertisedLine]:
    """What each uplink with `address6 = "auto"` may use `at` this moment, by its name.

    `heard` is by device. A line that comes later in the file is judged by those before it.
    """
    found: dict[str, AdvertisedLine] = {}
    taken = {
        name: uplink.static6.network
        for name, uplink in config.uplinks.items()
        if uplink.static6 is not None
    }
    for name, uplink in config.uplinks.items():
        interface = interfaces.get(uplink.device)
        known = heard.get(uplink.device)
        if not uplink.auto6 or interface is None or known is None:
            continue
        others = {other: network for other, network in taken.items() if other != name}
        line = _line(config, current_routers(known, at), interface, others, at)
        found[name] = line
        if line.is_usable:
            taken[name] = line.addresses[0].network
    return found


def _line(
    config: Config,
    known: AdvertisedRouters,
    interface: InterfaceFacts,
    others: Mapping[str, IPv6Network],
    at: float,
) -> AdvertisedLine:
    refused = tuple(
        why
        for router in known.routers
        for prefix in router.prefixes
        if (why := _refusal(config, prefix.network, others)) is not None
    )
    count = len(known.routers) + known.left_out
    host_part = _interface_id(interface)
    if not known.routers or host_part is None:
        return AdvertisedLine(routers=count, refused=refused)
    usable = {
        router.address: [
            prefix
            for prefix in router.prefixes
            if _forms_address(prefix) and _refusal(config, prefix.network, others) is None
        ]
        for router in known.routers
    }
    router = next((each for each in known.routers if usable[each.address]), known.routers[0])
    # Those that new flows may use come first; a deprecated one is better than none (RFC 6724).
    prefixes = sorted(usable[router.address], key=lambda prefix: prefix.preferred_until <= at)
    return AdvertisedLine(
        router=router.address,
        addresses=tuple(
            IPv6Interface((int(prefix.network.network_address) | host_part, SLAAC_LENGTH))
            for prefix in prefixes
        ),
        prefix_is_on_link=bool(prefixes) and prefixes[0].on_link,
        mtu=router.mtu if router.mtu < interface.mtu else 0,
        dns=router.dns,
        managed=router.managed,
        other=router.other,
        routers=count,
        refused=refused,
        lacks=None if prefixes else _missing(router, interface.name, refused),
    )


def _forms_address(prefix: HeardPrefix) -> bool:
    return prefix.autonomous and prefix.network.prefixlen == SLAAC_LENGTH


def _interface_id(interface: InterfaceFacts) -> int | None:
    """The lower half of the link-local address, which the kernel has formed; None before that."""
    for address in interface.addresses:
        if isinstance(address.ip, IPv6Address) and address.ip.is_link_local:
            return int(address.ip) & INTERFACE_ID_MASK
    return None


def _missing(router: HeardRouter, interface: str, refused: tuple[Message, ...]) -> Message:
    """Why no address can be formed, though there is a router."""
    if refused:
        return message(AddressCode.PREFIX_REFUSED, interface=interface, offer=refused[0])
    code = AddressCode.ONLY_DHCPV6 if router.managed else AddressCode.NO_USABLE_PREFIX
    return message(code, interface=interface, router=str(router.address))


def _refusal(
    config: Config, prefix: IPv6Network, others: Mapping[str, IPv6Network]
) -> Message | None:
    """Why a prefix is not used. Two lines of one provider may well have the same one."""
    for vlan in config.vlans.values():
        if vlan.address6 is not None and prefix.overlaps(vlan.address6.network):
            free = free_subnet(config, prefix, vlan.address6.network.prefixlen)
            return message(
                OfferCode.PREFIX_OVERLAPS_VLAN,
                prefix=str(prefix),
                subnet=str(vlan.address6.network),
                vlan=vlan.name,
                **({"free": free} if free else {}),
            )
    return next(_line_conflicts(prefix, others), None)


def _line_conflicts(prefix: IPv6Network, others: Mapping[str, IPv6Network]) -> Iterator[Message]:
    for name, network in others.items():
        if prefix != network and prefix.overlaps(network):
            yield message(
                OfferCode.PREFIX_OVERLAPS_UPLINK,
                prefix=str(prefix),
                subnet=str(network),
                uplink=name,
            )
