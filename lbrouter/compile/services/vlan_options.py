"""dnsmasq's options for names of rules, and for the resolvers and DHCP options of one VLAN."""

from collections.abc import Iterator
from typing import Final

from lbrouter.compile.firewall.rule_matches import name_set, names_of_rules
from lbrouter.model.config import Config, Vlan
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.reserved_ids import NFT_TABLE
from lbrouter.model.sections.vlans import DEFAULT_LEASE_TIME

LEARNED_NAMES_COMMENT: Final = """\
# Names that rules lead to, and all names below them: the firewall learns what a client is told.
"""


def learned_names(config: Config) -> Iterator[str]:
    """Names that rules lead to: their addresses go into nft sets before a client is answered."""
    lines = [
        f"nftset=/{name}/"
        + ",".join(
            f"{family.version}#inet#{NFT_TABLE}#{name_set(name, family)}"
            for family in AddressFamily
        )
        for name in names_of_rules(config)
    ]
    if lines:
        yield LEARNED_NAMES_COMMENT + "".join(f"{line}\n" for line in lines)


def resolver_option(vlan: Vlan) -> Iterator[str]:
    """The resolvers of the VLAN, the gateway unless it has its own."""
    own = [str(ip) for ip in vlan.dns if ip.version == 4]
    told = ",".join(own if vlan.dns else [str(vlan.address.ip)])
    # Without an address dnsmasq sends no such option.
    yield f"dhcp-option=tag:{vlan.name},option:dns-server{',' if told else ''}{told}"


def further_options(vlan: Vlan) -> Iterator[str]:
    """Options of the file; forced, since many phones ask for none and use them all the same."""
    if vlan.dhcp is not None:
        for number, values in vlan.dhcp.options.items():
            yield f"dhcp-option-force=tag:{vlan.name},{number},{','.join(values)}"


def dhcp_range(vlan: Vlan) -> str:
    """The pool; without one only hosts of the file get an address ("static")."""
    mask = vlan.address.netmask
    if vlan.dhcp is None:
        return (
            f"{vlan.address.network.network_address},static,{mask},"
            f"{int(DEFAULT_LEASE_TIME) // 1000}"
        )
    ends = f"{vlan.dhcp.range.start},{vlan.dhcp.range.end}"
    return f"{ends},{mask},{int(vlan.dhcp.lease) // 1000}"
