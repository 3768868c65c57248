"""The addresses that we set: of the lines, of the VLANs, of mapped hosts and of lanes."""

from collections.abc import Iterator

from lbrouter.compile.routing import lane_lines
from lbrouter.compile.routing.venue_routes import mapped_addresses
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import Address
from lbrouter.model.lease import AdvertisedLine
from lbrouter.model.messages.phrase import as_phrase, phrase


def addresses(config: Config, facts: Facts, created: frozenset[str]) -> frozenset[Address]:
    """Addresses that we add, on interfaces that exist or that we create (`created`).

    Not those that another program has set already: they work as well, and are not ours.
    """
    wanted = (
        *_uplink_addresses(config, facts),
        *(
            Address(
                interface=config.vlan_device(vlan),
                address=own,
                why=phrase("gateway of VLAN {vlan}", vlan=vlan.name),
            )
            for vlan in config.vlans.values()
            for own in (vlan.address, vlan.address6)
            if own is not None
        ),
        *mapped_addresses(config),
        *lane_lines.addresses(config, facts),
    )
    return frozenset(address for address in wanted if _ours_to_add(address, facts, created))


def _ours_to_add(address: Address, facts: Facts, created: frozenset[str]) -> bool:
    interface = facts.interfaces.get(address.interface)
    if interface is None:
        return address.interface in created
    return address.address not in interface.foreign_addresses


def _uplink_addresses(config: Config, facts: Facts) -> Iterator[Address]:
    for name, uplink in config.uplinks.items():
        lease = facts.leases.get(name)
        leased = lease.address if lease is not None else None
        lease6 = facts.leases6.get(name)
        for address, kind in (
            (uplink.static4, phrase("address")),
            (leased, phrase("lease")),
            (uplink.static6, phrase("address")),
            (lease6.address if lease6 is not None else None, phrase("lease")),
        ):
            if address is not None:
                yield Address(
                    interface=uplink.interface,
                    address=address,
                    prefix_route=False,
                    why=phrase("{kind} of uplink {name}", kind=as_phrase(kind), name=name),
                )
        for further in uplink.addresses:
            yield Address(
                interface=uplink.device,
                address=further,
                prefix_route=False,
                why=phrase("further address of uplink {name}", name=name),
            )
        line = facts.advertised.get(name, AdvertisedLine())
        for index, formed in enumerate(line.addresses):
            yield Address(
                interface=uplink.device,
                address=formed,
                prefix_route=False,
                deprecated=index > 0,
                why=phrase(
                    "formed under the prefix of {router}, uplink {uplink}",
                    router=str(line.router),
                    uplink=name,
                ),
            )
