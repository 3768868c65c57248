"""What of a line's own subnet the gateway itself reaches by that line, whichever line is best.

Of a subnet in the file, all. Of one that a provider named (a lease, an advertisement, another
program), all while the line is fit, and never where it holds an address that the gateway asks:
else the next hop alone, for a modem's page is wanted most when the line is down.
"""

from collections.abc import Iterator
from ipaddress import ip_network

from lbrouter.compile.routing.asked_addresses import asked_addresses, holds_asked_address
from lbrouter.compile.routing.uplink_addressing import UplinkNexthop, uplink_nexthop
from lbrouter.compile.routing.usability import Usability, usability
from lbrouter.model.config import Config, Uplink
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import AddressFamily, IpNetwork


def own_way_networks(
    config: Config, uplink: Uplink, family: AddressFamily, health: GatewayHealth, facts: Facts
) -> Iterator[IpNetwork]:
    """The networks that stand in the gateway's own table for this line; none, or one."""
    way = uplink_nexthop(uplink, family, facts)
    if way is None or not way.subnet_is_connected:
        return
    network = way.address.network
    if _is_of_the_file(uplink, family):
        yield network
        return
    fit = usability(config, uplink.name, family, health, facts) is Usability.FIT
    if fit and not holds_asked_address(config, network):
        yield network
    else:
        yield from _nexthop_alone(config, way)


def _is_of_the_file(uplink: Uplink, family: AddressFamily) -> bool:
    static = uplink.static4 if family is AddressFamily.V4 else uplink.static6
    return static is not None or uplink.is_lane


def _nexthop_alone(config: Config, way: UplinkNexthop) -> Iterator[IpNetwork]:
    gateway = way.gateway
    asked = asked_addresses(config)
    if gateway is not None and not gateway.is_link_local and gateway not in asked:
        yield ip_network(gateway)
