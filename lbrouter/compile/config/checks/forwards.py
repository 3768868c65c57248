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
        yield from _target_errors(places, forward, where)
        # A forward over an uplink that does not speak the family of its target.
        uplink = config.uplinks.get(forward.uplink)
        version = forward.to.address.version
        if uplink is not None and (uplink.address if version == 4 else uplink.address6) is None:
            path = (*where, "to")
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
                path=path, value=str(forward.to), reason=why, accepted=accepted, depends_on=needs
            )
    # Ports that two forwards of one family claim on one uplink, "any" being all of them.
    owners: dict[tuple[object, ...], int] = {}
    for index, forward in enumerate(config.forwards):
        names = tuple(config.uplinks) if forward.uplink == ANY_UPLINK else (forward.uplink,)
        first = index
        for name in names:
            key = (name, forward.protocol, forward.port, forward.to.address.version)
            first = min(first, owners.setdefault(key, index))
        if first != index:
            why = phrase(
                "{protocol} port {port} is used by forwards[{first}] already",
                protocol=forward.protocol,
                port=forward.port,
                first=first,
            )
            path, needs = ("forwards", index, "port"), (("forwards", first),)
            accepted = phrase("a port of its own")
            yield Diagnostic(
                path=path, value=forward.port, reason=why, accepted=accepted, depends_on=needs
            )


def _target_errors(
    subnets: "SubnetLookup", forward: Forward, where: KeyPath
) -> Iterator[Diagnostic]:
    address = forward.to.address
    subnet = subnets.gateway_address_for(address)
    if subnet is None:
        why = phrase("{address} is in no VLAN", address=address)
        accepted = phrase("the address of a host in a VLAN")
    elif address == subnet.ip:
        why = phrase("is the gateway itself")
        accepted = phrase("another host of {network}", network=subnet.network)
    elif is_reserved_address(address, subnet):
        why = phrase("{address} is no host's address", address=address)
        accepted = phrase("a host of {network}", network=subnet.network)
    else:
        return
    needs: tuple[KeyPath, ...] = (("vlans",),)
    yield Diagnostic(
        path=(*where, "to"), value=str(forward.to), reason=why, accepted=accepted, depends_on=needs
    )


class SubnetLookup:
    """Finds the VLAN subnet that holds an address, without a search through all VLANs."""

    def __init__(self, vlans: Iterable[Vlan]) -> None:
        own = [address for vlan in vlans for address in (vlan.address, vlan.address6) if address]
        self._gateway_by_network: dict[IpNetwork, IpInterface] = {
            address.network: address for address in own
        }
        self._prefix_lengths = sorted(
            {(address.version, address.network.prefixlen) for address in own}
        )

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
