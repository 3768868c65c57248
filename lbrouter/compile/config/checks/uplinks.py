"""Checks of the uplinks, each by itself: addresses, gateways, PPPoE."""

from collections.abc import Iterator
from typing import Final

from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.model.config import ANY_UPLINK, Addressing, Config, Uplink
from lbrouter.model.kernel_state import IpAddress, IpInterface
from lbrouter.model.messages.phrase import phrase


def errors(config: Config) -> Iterator[Diagnostic]:
    """All errors of an uplink that need no other section."""
    for uplink in config.uplinks.values():
        where: KeyPath = ("uplinks", uplink.name)
        if uplink.name == ANY_UPLINK:
            why = phrase(
                '"{any}" means every uplink, so no uplink can have this name',
                any=ANY_UPLINK,
            )
            yield Diagnostic(path=where, reason=why, accepted="another name")
        yield from _address_errors(uplink, where)
        path, needs = (*where, "gateway"), ((*where, "address"),)
        if uplink.static4 is None and uplink.gateway is not None:
            why = phrase(
                "can be used with a static address only; here the gateway comes with the address"
            )
            yield _unexpected_key(path, uplink.gateway, why, needs)
        elif uplink.static4 is not None and uplink.gateway is None:
            why = phrase("is missing, and a static address needs it")
            yield Diagnostic(
                path=path, reason=why, accepted="the provider's router", depends_on=needs
            )
        elif uplink.static4 is not None and uplink.gateway is not None:
            yield from _nexthop_errors(uplink.gateway, uplink.static4, path, needs)
        yield from _gateway6_errors(uplink, where)
        yield from _pppoe_errors(uplink, where)


def _address_errors(uplink: Uplink, where: KeyPath) -> Iterator[Diagnostic]:
    if uplink.address is None and uplink.address6 is None:
        yield Diagnostic(
            path=(*where, "address"),
            reason="is missing",
            accepted='a CIDR address, "dhcp", "pppoe" or "external"; or address6 for IPv6 alone',
            depends_on=((*where, "address6"),),
        )
    for key, address in (("address", uplink.static4), ("address6", uplink.static6)):
        if address is not None:
            yield from host_address_errors(address, (*where, key))


def host_address_errors(address: IpInterface, path: KeyPath) -> Iterator[Diagnostic]:
    """A diagnostic if the address is the subnet's own or its broadcast address.

    A /31 (RFC 3021), /127 (RFC 6164) and a single host's prefix have neither.
    """
    if is_reserved_address(address.ip, address):
        first = address.network.network_address + 1
        yield Diagnostic(
            path=path,
            value=str(address),
            reason=phrase(
                "is not a host's address: it is reserved in {network}", network=address.network
            ),
            accepted=phrase(
                'a host of it, such as "{first}/{length}"',
                first=first,
                length=address.network.prefixlen,
            ),
        )


def is_reserved_address(address: IpAddress, subnet: IpInterface) -> bool:
    """Whether `address` is the network's own or the broadcast address of `subnet`."""
    network = subnet.network
    if network.prefixlen >= network.max_prefixlen - 1:
        return False
    broadcast = network.version == 4 and address == network.broadcast_address
    return address == network.network_address or broadcast


def _gateway6_errors(uplink: Uplink, where: KeyPath) -> Iterator[Diagnostic]:
    path, needs = (*where, "gateway6"), ((*where, "address6"),)
    if uplink.dhcp6:
        return
    if uplink.static6 is None and uplink.gateway6 is not None:
        unused = phrase('can be used with a static address6 only, or with address6 = "dhcp"')
        yield _unexpected_key(path, uplink.gateway6, unused, needs)
    elif uplink.static6 is not None and uplink.gateway6 is None:
        why = "is missing, and a static address6 needs it"
        yield Diagnostic(path=path, reason=why, accepted="the provider's router", depends_on=needs)
    elif uplink.static6 is not None and uplink.gateway6 is not None:
        yield from _nexthop_errors(uplink.gateway6, uplink.static6, path, needs)


def _unexpected_key(
    path: KeyPath, value: object, reason: str, needs: tuple[KeyPath, ...]
) -> Diagnostic:
    accepted = phrase("no {key} here", key=path[-1])
    return Diagnostic(path=path, value=value, reason=reason, accepted=accepted, depends_on=needs)


def _nexthop_errors(
    gateway: IpAddress, own: IpInterface, path: KeyPath, needs: tuple[KeyPath, ...]
) -> Iterator[Diagnostic]:
    """A gateway is another host of the subnet, or a link-local one; beside a /32 it may be any."""
    anywhere = own.network.prefixlen == own.max_prefixlen or gateway.is_link_local
    if gateway == own.ip:
        why, accepted = "is this gateway's own address", "the provider's router"
    elif not anywhere and gateway not in own.network:
        why = phrase("is not in {network}, the subnet of {own}", network=own.network, own=own)
        accepted = phrase(
            'a host of {network}; or {key} = "{alone}": then the provider\'s router may have any'
            " address",
            network=own.network,
            key=needs[0][-1],
            alone=f"{own.ip}/{own.max_prefixlen}",
        )
    elif is_reserved_address(gateway, own):
        why, accepted = (
            phrase("is a reserved address of {network}", network=own.network),
            phrase("a host of {network}", network=own.network),
        )
    else:
        return
    yield Diagnostic(path=path, value=gateway, reason=why, accepted=accepted, depends_on=needs)


def _pppoe_errors(uplink: Uplink, where: KeyPath) -> Iterator[Diagnostic]:
    pppoe = uplink.addressing is Addressing.PPPOE
    needs = ((*where, "address"),)
    for key, accepted in _PPPOE_KEYS.items():
        path, value = (*where, key), getattr(uplink, key)
        if pppoe and value is None:
            why = 'is missing, and "pppoe" needs it'
            yield Diagnostic(path=path, reason=why, accepted=accepted, depends_on=needs)
        elif not pppoe and value is not None:
            yield _unexpected_key(
                path, value, phrase('can be used with address = "pppoe" only'), needs
            )


_PPPOE_KEYS: Final = {
    "username": phrase("the name that the provider gave"),
    "password_file": phrase("the path of a file that holds the password"),
}
