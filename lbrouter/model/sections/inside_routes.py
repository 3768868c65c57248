"""Networks behind a router of the venue, such as a layer 3 switch, as `routes` writes them."""

from dataclasses import dataclass
from typing import Final

from lbrouter.model.kernel_state import IpAddress, IpNetwork
from lbrouter.model.sections.addresses import parse_host, parse_network
from lbrouter.model.validated_strings import InvalidValueError

ACCEPTED_INSIDE_ROUTE: Final = (
    'a network, the word via, and a host of this VLAN: "10.50.0.0/16 via 10.20.2.14"'
)
INSIDE_ROUTE_PATTERN: Final = "[0-9a-fA-F.:]+/[0-9]{1,3} via [0-9a-fA-F.:]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class InsideRoute:
    """A network that is reached by a router in the VLAN."""

    network: IpNetwork
    via: IpAddress

    def __str__(self) -> str:
        return f"{self.network} via {self.via}"


def parse_inside_route(text: str) -> InsideRoute:
    """A network and the router that leads to it. Raises InvalidValueError."""
    words = text.split()
    if len(words) != 3 or words[1] != "via":
        raise InvalidValueError("is not a route")
    network, via = parse_network(words[0]), parse_host(words[2])
    if network.version != via.version:
        raise InvalidValueError("mixes IPv4 and IPv6")
    if network.prefixlen == 0:
        raise InvalidValueError("leads everywhere, and the uplinks do that")
    if network.is_multicast or network.is_loopback or network.is_link_local:
        raise InvalidValueError("leads to a range that hosts behind a router cannot have")
    return InsideRoute(network=network, via=via)
