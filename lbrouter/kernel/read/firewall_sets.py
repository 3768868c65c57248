"""What packets and dnsmasq have put into sets of the firewall: names, foreign devices."""

from ipaddress import ip_address
from typing import Final

from lbrouter.compile.firewall.rule_matches import name_set, names_of_rules
from lbrouter.compile.report.clients import Neighbour
from lbrouter.kernel.objects.nft import read_set
from lbrouter.model.config import Config
from lbrouter.model.kernel_state import AddressFamily, IpAddress

FOREIGN_CLIENTS_SET: Final = "clients_foreign4"
"""See `rulesets/lbrouter.nft`: interface . hardware address . address."""


def learned_names(config: Config, address: IpAddress) -> frozenset[str]:
    """The names whose set in the kernel holds `address` now. Raises LbrouterError."""
    family = AddressFamily.of_version(address.version)
    return frozenset(
        name
        for name in names_of_rules(config)
        if (str(address), "") in read_set(name_set(name, family))
    )


def foreign_clients() -> tuple[Neighbour, ...]:
    """Each with its interface; none where no ruleset is loaded. Raises LbrouterError."""
    rows = (key.split(" . ") for key, _ in sorted(read_set(FOREIGN_CLIENTS_SET)))
    return tuple(
        Neighbour(interface=interface, mac=mac, address=ip_address(address))
        for interface, mac, address in rows
    )
