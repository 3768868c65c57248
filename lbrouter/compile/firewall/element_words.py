"""Networks as nft writes them."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import Final

from lbrouter.model.kernel_state import AddressFamily, IpNetwork

NFT_ADDRESS_TYPES: Final = {AddressFamily.V4: "ipv4_addr", AddressFamily.V6: "ipv6_addr"}


def network_word(network: IpNetwork) -> str:
    """A network as nft prints it: one address without its length."""
    is_host = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if is_host else str(network)


def collapsed(networks: Iterable[IpNetwork]) -> list[IpNetwork]:
    """`networks` without overlaps, IPv4 first: an nft interval set refuses them."""
    wanted = list(networks)
    four = [network for network in wanted if isinstance(network, IPv4Network)]
    six = [network for network in wanted if isinstance(network, IPv6Network)]
    return [*collapse_addresses(four), *collapse_addresses(six)]
