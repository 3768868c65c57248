"""Devices in a VLAN whose address is of another network, as the firewall has seen them lately."""

from ipaddress import ip_address
from typing import Final

from lbrouter.compile.report.clients import Neighbour
from lbrouter.kernel.objects.nft import read_set

FOREIGN_CLIENTS_SET: Final = "clients_foreign4"
"""See `rulesets/lbrouter.nft`: interface . hardware address . address."""


def foreign_clients() -> tuple[Neighbour, ...]:
    """Each with its interface; none where no ruleset is loaded. Raises LbrouterError."""
    rows = (key.split(" . ") for key, _ in sorted(read_set(FOREIGN_CLIENTS_SET)))
    return tuple(
        Neighbour(interface=interface, mac=mac, address=ip_address(address))
        for interface, mac, address in rows
    )
