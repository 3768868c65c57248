"""Checks of the uplinks, each by itself: addresses, gateways, PPPoE."""

from collections.abc import Iterator
from typing import Final

from lbrouter.compile.config.diagnostics import Finding, Path
from lbrouter.model.config import ANY, Addressing, Config, Uplink
from lbrouter.model.kernel_state import IpAddress, IpInterface


def faults(config: Config) -> Iterator[Finding]:
    """Everything that is wrong with an uplink, whatever the other sections say."""
    for uplink in config.uplinks.values():
        where: Path = ("uplinks", uplink.name)
        yield from _name(uplink, where)
        yield from _addresses(uplink, where)
        yield from _gateway(uplink, where)
        yield from _gateway6(uplink, where)
        yield from _pppoe(uplink, where)


def _name(uplink: Uplink, where: Path) -> Iterator[Finding]:
    if uplink.name == ANY:
        why = f'"{ANY}" means every uplink, so no uplink can be called so'
        yield Finding(path=where, reason=why, accepted="another name")


def _addresses(uplink: Uplink, where: Path) -> Iterator[Finding]:
    if uplink.address is None and uplink.address6 is None:
        yield Finding(
            path=(*where, "address"),
            reason="is missing",
            accepted='a CIDR address, "dhcp", "pppoe" or "external"; or address6 for IPv6 alone',
            needs=((*where, "address6"),),
        )
    for key, address in (("address", uplink.static4), ("address6", uplink.static6)):
        if address is not None:
            yield from not_a_host(address, (*where, key))


def not_a_host(address: IpInterface, path: Path) -> Iterator[Finding]:
    """A finding when the address is the subnet's own or its broadcast address.

    A /31 (RFC 3021), /127 (RFC 6164) and a single host's prefix have neither.
    """
    if reserved_in(address.ip, address):
        first = address.network.network_address + 1
        yield Finding(
            path=path,
            value=str(address),
            reason=f"is not a host's address, but one that {address.network} keeps for itself",
            accepted=f'a host of it, "{first}/{address.network.prefixlen}" say',
        )


def reserved_in(address: IpAddress, subnet: IpInterface) -> bool:
    """Whether `address` is the network's own or the broadcast address of `subnet`."""
    network = subnet.network
    if network.prefixlen >= network.max_prefixlen - 1:
        return False
    broadcast = network.version == 4 and address == network.broadcast_address
    return address == network.network_address or broadcast


def _gateway(uplink: Uplink, where: Path) -> Iterator[Finding]:
    path, needs = (*where, "gateway"), ((*where, "address"),)
    if uplink.static4 is None and uplink.gateway is not None:
        why = "goes with a static address only; here the address comes with its gateway"
        yield _leave_out(path, uplink.gateway, why, needs)
    elif uplink.static4 is not None and uplink.gateway is None:
        why = "is missing, and a static address needs it"
        yield Finding(path=path, reason=why, accepted="the provider's router", needs=needs)
    elif uplink.static4 is not None and uplink.gateway is not None:
        yield from _next_hop(uplink.gateway, uplink.static4, path, needs)


def _gateway6(uplink: Uplink, where: Path) -> Iterator[Finding]:
    path, needs = (*where, "gateway6"), ((*where, "address6"),)
    if uplink.static6 is None and uplink.gateway6 is not None:
        yield _leave_out(path, uplink.gateway6, "goes with a static address6 only", needs)
    elif uplink.static6 is not None and uplink.gateway6 is None:
        why = "is missing, and a static address6 needs it"
        yield Finding(path=path, reason=why, accepted="the provider's router", needs=needs)
    elif uplink.static6 is not None and uplink.gateway6 is not None:
        yield from _next_hop(uplink.gateway6, uplink.static6, path, needs)


def _leave_out(path: Path, value: object, reason: str, needs: tuple[Path, ...]) -> Finding:
    accepted = f"no {path[-1]} here"
    return Finding(path=path, value=value, reason=reason, accepted=accepted, needs=needs)


def _next_hop(
    gateway: IpAddress, own: IpInterface, path: Path, needs: tuple[Path, ...]
) -> Iterator[Finding]:
    """A gateway is another host of the subnet, or a link-local one; beside a /32 it may be any."""
    anywhere = own.network.prefixlen == own.max_prefixlen or gateway.is_link_local
    if gateway == own.ip:
        why, accepted = "is this gateway's own address", "the provider's router"
    elif not anywhere and gateway not in own.network:
        why, accepted = f"is not in {own.network}, the subnet of {own}", f"a host of {own.network}"
    elif reserved_in(gateway, own):
        why, accepted = f"is one that {own.network} keeps for itself", f"a host of {own.network}"
    else:
        return
    yield Finding(path=path, value=gateway, reason=why, accepted=accepted, needs=needs)


def _pppoe(uplink: Uplink, where: Path) -> Iterator[Finding]:
    pppoe = uplink.addressing is Addressing.PPPOE
    needs = ((*where, "address"),)
    for key, accepted in _SECRETS.items():
        path, value = (*where, key), getattr(uplink, key)
        if pppoe and value is None:
            why = 'is missing, and "pppoe" needs it'
            yield Finding(path=path, reason=why, accepted=accepted, needs=needs)
        elif not pppoe and value is not None:
            yield _leave_out(path, value, 'goes with address = "pppoe" only', needs)


_SECRETS: Final = {
    "username": "the name that the provider gave",
    "password_file": "the path of a file that holds the password",
}
