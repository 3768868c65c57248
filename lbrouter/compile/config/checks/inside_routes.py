"""Checks of the networks that lie behind a router in a VLAN (`routes`)."""

from collections.abc import Iterator

from lbrouter.compile.config.checks.names import duplicates
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath, format_key_path
from lbrouter.model.config import Config, Vlan
from lbrouter.model.kernel_state import IpAddress, IpInterface, IpNetwork
from lbrouter.model.messages.phrase import phrase


def errors(config: Config) -> Iterator[Diagnostic]:
    """Routers outside their VLAN, and networks that something else in the file has."""
    claims = list(_claims(config))
    for vlan in config.vlans.values():
        path: KeyPath = ("vlans", vlan.name, "routes")
        yield from duplicates([str(route.network) for route in vlan.routes], path)
        yield from _router_errors(vlan, path)
        for index, route in enumerate(vlan.routes):
            where = (*path, index)
            other = next(
                (
                    (network, owner)
                    for network, owner in claims
                    if network.version == route.network.version
                    and network.overlaps(route.network)
                    and owner[:3] != path
                ),
                None,
            )
            if other is not None:
                network, owner = other
                why = phrase(
                    "{network} overlaps {other} of {place}",
                    network=route.network,
                    other=network,
                    place=format_key_path(owner),
                )
                yield Diagnostic(
                    path=where,
                    value=str(route),
                    reason=why,
                    accepted="a network that nothing else in the file has",
                    depends_on=(owner,),
                )


def _router_errors(vlan: Vlan, path: KeyPath) -> Iterator[Diagnostic]:
    """A router that is no other host of the VLAN."""
    for index, route in enumerate(vlan.routes):
        own = vlan.address if route.via.version == 4 else vlan.address6
        if own is None:
            why = phrase("needs IPv6, and {vlan} has no address6", vlan=vlan.name)
            accepted = phrase("a network of IPv{other}", other=4)
        elif route.via not in own.network:
            why = phrase(
                "{via} is not in {network}, the subnet of {vlan}",
                via=route.via,
                network=own.network,
                vlan=vlan.name,
            )
            accepted = phrase(
                'a router of this VLAN, such as "{network} via {host}"',
                network=route.network,
                host=_other_host(own),
            )
        elif route.via == own.ip:
            why = phrase("{via} is the gateway itself", via=route.via)
            accepted = phrase("another host of {network}", network=own.network)
        else:
            continue
        yield Diagnostic(
            path=(*path, index),
            value=str(route),
            reason=why,
            accepted=accepted,
            depends_on=(("vlans", vlan.name),),
        )


def _other_host(own: IpInterface) -> IpAddress:
    """A host of the gateway's subnet that is not the gateway."""
    return next(host for host in own.network.hosts() if host != own.ip)


def _claims(config: Config) -> Iterator[tuple[IpNetwork, KeyPath]]:
    """Each network that the file gives to somebody, with its place."""
    for vlan in config.vlans.values():
        for key, own in (("address", vlan.address), ("address6", vlan.address6)):
            if own is not None:
                yield own.network, ("vlans", vlan.name, key)
        for index, route in enumerate(vlan.routes):
            yield route.network, ("vlans", vlan.name, "routes", index)
    for uplink in config.uplinks.values():
        for key, own in (("address", uplink.static4), ("address6", uplink.static6)):
            if own is not None:
                yield own.network, ("uplinks", uplink.name, key)
