"""Checks of the port forwards."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from lbrouter.compile.config.checks.names import undefined_reference
from lbrouter.compile.config.checks.uplinks import is_reserved_address
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.model.config import ANY_UPLINK, Config, Forward, Vlan
from lbrouter.model.kernel_state import IpAddress, IpInterface, IpNetwork
from lbrouter.model.messages.phrase import phrase


def errors(config: Config) -> Iterator[Diagnostic]:
    """Forwards without a reachable target, and ports that are forwarded twice."""
    places = SubnetLookup(config.vlans.values())
    for index, forward in enumerate(config.forwards):
        where: KeyPath = ("forwards", index)
        if forward.uplink != ANY_UPLINK:
            yield from undefined_reference(
                "uplinks", forward.uplink, config.uplinks, (*where, "uplink")
            )
        path = (*where, "to")
        yield from target_errors(places, forward.to.address, path, gateway_may=True)
        if not forward.port.is_single and not forward.keeps_ports:
            why = phrase(
                "a range keeps its ports: {ports} cannot begin at {port} inside",
                ports=forward.port,
                port=forward.to.port,
            )
            accepted = phrase('the address alone, "{address}"', address=forward.to.address)
            yield Diagnostic(path=path, value=str(forward.to), reason=why, accepted=accepted)
        yield from family_errors(config, forward.uplink, forward.to.address, path)
        yield from _source_errors(forward, where)
    yield from _duplicate_ports(config)


def family_errors(
    config: Config, name: str, address: IpAddress, path: KeyPath
) -> Iterator[Diagnostic]:
    """An uplink that does not speak the family of an address at `path`."""
    uplink = config.uplinks.get(name)
    version = address.version
    if uplink is not None and (uplink.address if version == 4 else uplink.address6) is None:
        why = phrase(
            "uplink {uplink} has no IPv{version}, so no packet for this address can come in",
            uplink=uplink.name,
            version=version,
        )
        needs: tuple[KeyPath, ...] = (("uplinks", uplink.name),)
        accepted = phrase(
            "an address of IPv{other}, or an uplink that has IPv{version}",
            other=10 - version,
            version=version,
        )
        yield Diagnostic(
            path=path, value=str(address), reason=why, accepted=accepted, depends_on=needs
        )


def _source_errors(forward: Forward, where: KeyPath) -> Iterator[Diagnostic]:
    """Networks of the other family: nothing that comes to the service has such a source."""
    version = forward.to.address.version
    for index, network in enumerate(forward.sources):
        if network.version != version:
            why = phrase(
                "is IPv{other}, and the service is IPv{version}",
                other=network.version,
                version=version,
            )
            example = "203.0.113.0/24" if version == 4 else "2001:db8::/32"
            yield Diagnostic(
                path=(*where, "sources", index),
                value=str(network),
                reason=why,
                accepted=phrase(
                    'a network of IPv{version}, such as "{example}"',
                    version=version,
                    example=example,
                ),
                depends_on=((*where, "to"),),
            )


def target_errors(
    subnets: "SubnetLookup", address: IpAddress, path: KeyPath, *, gateway_may: bool
) -> Iterator[Diagnostic]:
    """An address at `path` that is no host inside; `gateway_may`: the gateway's own is one."""
    subnet = subnets.gateway_address_for(address)
    if subnet is None:
        if subnets.is_routed(address):
            return
        why = phrase("{address} is in no VLAN", address=address)
        accepted = phrase("the address of a host in a VLAN")
    elif address == subnet.ip:
        if gateway_may:
            return
        why = phrase("is the gateway itself")
        accepted = phrase("another host of {network}", network=subnet.network)
    elif is_reserved_address(address, subnet):
        why = phrase("{address} is no host's address", address=address)
        accepted = phrase("a host of {network}", network=subnet.network)
    else:
        return
    needs: tuple[KeyPath, ...] = (("vlans",),)
    yield Diagnostic(path=path, value=str(address), reason=why, accepted=accepted, depends_on=needs)


class SubnetLookup:
    """Finds the VLAN subnet that holds an address, without a search through all VLANs."""

    def __init__(self, vlans: Iterable[Vlan]) -> None:
        given = list(vlans)
        own = [address for vlan in given for address in (vlan.address, vlan.address6) if address]
        self._routed = [network for vlan in given for network in vlan.routed_networks]
        self._gateway_by_network: dict[IpNetwork, IpInterface] = {
            address.network: address for address in own
        }
        self._prefix_lengths = sorted(
            {(address.version, address.network.prefixlen) for address in own}
        )

    def is_routed(self, address: IpAddress) -> bool:
        """Whether a VLAN has a route to the address."""
        return any(address in network for network in self._routed)

    def gateway_address_for(self, address: IpAddress) -> IpInterface | None:
        """The gateway's own address in the subnet that holds `address`; None if there is none."""
        lengths = [length for version, length in self._prefix_lengths if version == address.version]
        candidates = (ip_network((address, length), strict=False) for length in lengths)
        return next(
            (
                self._gateway_by_network[network]
                for network in candidates
                if network in self._gateway_by_network
            ),
            None,
        )


def _duplicate_ports(config: Config) -> Iterator[Diagnostic]:
    """Ports that two forwards of one family claim on one uplink, "any" being all of them."""
    earlier: dict[tuple[object, ...], list[int]] = {}
    for index, forward in enumerate(config.forwards):
        names = tuple(config.uplinks) if forward.uplink == ANY_UPLINK else (forward.uplink,)
        first = index
        for name in names:
            key = (name, forward.protocol, forward.to.address.version)
            taken = earlier.setdefault(key, [])
            clash = (i for i in taken if config.forwards[i].port.overlaps(forward.port))
            first = min(first, next(clash, index))
            taken.append(index)
        if first != index:
            other = config.forwards[first].port
            single = forward.port.is_single and other.is_single
            why = phrase(
                "{protocol} port {port} is used by forwards[{first}] already"
                if single
                else "{protocol} ports {port} are used by forwards[{first}] already ({other})",
                protocol=forward.protocol,
                port=forward.port,
                first=first,
                **({} if single else {"other": other}),
            )
            yield Diagnostic(
                path=("forwards", index, "port"),
                value=forward.port.toml_value(),
                reason=why,
                accepted=phrase("a port of its own") if single else phrase("ports of its own"),
                depends_on=(("forwards", first),),
            )
