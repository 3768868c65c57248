"""Clients by name: the hosts of the file, and the names that devices gave when they asked for an
address. A hardware address is a name too.
"""

from collections.abc import Iterable, Iterator

from lbrouter.compile.config.expected import did_you_mean
from lbrouter.compile.services.dnsmasq_leases import LanLease
from lbrouter.model.config import Config
from lbrouter.model.kernel_state import IpAddress


def client_addresses(
    config: Config, leases: Iterable[LanLease], name: str
) -> tuple[IpAddress, ...]:
    """The addresses of the clients called `name`; empty where none is known.

    A host of the file comes first; devices may share a name, so there can be several.
    """
    wanted = name.lower().removesuffix(".")
    addresses = [address for known, address in _named_addresses(config, leases) if known == wanted]
    return tuple(dict.fromkeys(addresses))


def client_suggestion(config: Config, leases: Iterable[LanLease], name: str) -> str:
    """A hint at a VLAN or a client with a name close to `name`; "" where none is."""
    names = [known for known, _ in _named_addresses(config, leases)]
    return did_you_mean(name, [*config.vlans, *names])


def _named_addresses(config: Config, leases: Iterable[LanLease]) -> Iterator[tuple[str, IpAddress]]:
    for vlan in config.vlans.values():
        for host, reservation in vlan.hosts.items():
            yield host, reservation.address
            yield reservation.mac, reservation.address
    for lease in leases:
        if lease.name:
            yield lease.name.lower(), lease.address
        yield lease.mac.lower(), lease.address
