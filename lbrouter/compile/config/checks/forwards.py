"""Checks of the port forwards."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from lbrouter.compile.config.checks.names import unknown
from lbrouter.compile.config.checks.uplinks import reserved_in
from lbrouter.compile.config.diagnostics import Finding, Path
from lbrouter.model.config import ANY, Config, Forward, Vlan
from lbrouter.model.kernel_state import IpAddress, IpInterface, IpNetwork


def faults(config: Config) -> Iterator[Finding]:
    """Forwards that lead nowhere, and ports that are given away twice."""
    places = Places(config.vlans.values())
    for index, forward in enumerate(config.forwards):
        where: Path = ("forwards", index)
        if forward.uplink != ANY:
            yield from unknown("uplinks", forward.uplink, config.uplinks, (*where, "uplink"))
        yield from _target(places, forward, where)
        yield from _family(config, forward, where)
    yield from _twice(config)


def _target(places: "Places", forward: Forward, where: Path) -> Iterator[Finding]:
    address = forward.to.address
    subnet = places.around(address)
    if subnet is None:
        why, accepted = f"{address} is in no VLAN", "the address of a host in a VLAN"
    elif address == subnet.ip:
        why, accepted = "is the gateway itself", f"another host of {subnet.network}"
    elif reserved_in(address, subnet):
        why, accepted = f"{address} is no host's address", f"a host of {subnet.network}"
    else:
        return
    needs: tuple[Path, ...] = (("vlans",),)
    yield Finding(
        path=(*where, "to"), value=str(forward.to), reason=why, accepted=accepted, needs=needs
    )


class Places:
    """The VLANs' subnets, found by an address in them without a look at each."""

    def __init__(self, vlans: Iterable[Vlan]) -> None:
        own = [address for vlan in vlans for address in (vlan.address, vlan.address6) if address]
        self._owners: dict[IpNetwork, IpInterface] = {each.network: each for each in own}
        self._lengths = sorted({(each.version, each.network.prefixlen) for each in own})

    def around(self, address: IpAddress) -> IpInterface | None:
        """The gateway's own address in the subnet that holds `address`, None where none does."""
        lengths = [length for version, length in self._lengths if version == address.version]
        candidates = (ip_network((address, length), strict=False) for length in lengths)
        return next((self._owners[each] for each in candidates if each in self._owners), None)


def _family(config: Config, forward: Forward, where: Path) -> Iterator[Finding]:
    """A forward over an uplink that does not speak the family of its target."""
    uplink = config.uplinks.get(forward.uplink)
    version = forward.to.address.version
    if uplink is not None and (uplink.address if version == 4 else uplink.address6) is None:
        path = (*where, "to")
        why = f"uplink {uplink.name} has no IPv{version}, so nothing comes in for this address"
        needs: tuple[Path, ...] = (("uplinks", uplink.name),)
        accepted = f"an address of IPv{10 - version}, or an uplink that has IPv{version}"
        yield Finding(path=path, value=str(forward.to), reason=why, accepted=accepted, needs=needs)


def _twice(config: Config) -> Iterator[Finding]:
    """Ports that two forwards of one family claim on one uplink, "any" being all of them."""
    owners: dict[tuple[object, ...], int] = {}
    for index, forward in enumerate(config.forwards):
        names = tuple(config.uplinks) if forward.uplink == ANY else (forward.uplink,)
        first = index
        for name in names:
            key = (name, forward.protocol, forward.port, forward.to.address.version)
            first = min(first, owners.setdefault(key, index))
        if first != index:
            why = (
                f"{forward.protocol} port {forward.port} is given away by forwards[{first}] already"
            )
            path, needs = ("forwards", index, "port"), (("forwards", first),)
            accepted = "a port of its own"
            yield Finding(path=path, value=forward.port, reason=why, accepted=accepted, needs=needs)
