"""Routes to networks behind routers of the venue, and public addresses of hosts inside."""

from collections.abc import Iterator
from ipaddress import ip_interface

from lbrouter.compile.routing.lan_links import physical_port
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import Address, Route
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.reserved_ids import MAIN_TABLE


def inside_routes(config: Config, facts: Facts) -> Iterator[Route]:
    """Networks behind routers of the VLANs: in `main`, where what is connected stands."""
    for vlan in config.vlans.values():
        device = config.vlan_device(vlan)
        if device in facts.interfaces or physical_port(config, vlan) in facts.interfaces:
            for route in vlan.routes:
                yield Route(
                    table=MAIN_TABLE,
                    destination=route.network,
                    interface=device,
                    gateway=route.via,
                    why=phrase("VLAN {vlan}, behind {via}", vlan=vlan.name, via=route.via),
                )


def mapped_addresses(config: Config) -> Iterator[Address]:
    """The public addresses of hosts inside: the provider's router asks for them by ARP or ND."""
    for entry in config.maps:
        uplink = config.uplinks[entry.uplink]
        if uplink.device == uplink.interface:  # a session's peer sends without asking
            yield Address(
                interface=uplink.device,
                address=ip_interface(entry.public),
                prefix_route=False,
                why=phrase("{host} on {uplink} (1:1)", host=entry.to, uplink=uplink.name),
            )
