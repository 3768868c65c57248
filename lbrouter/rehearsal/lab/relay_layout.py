"""Where the relay of a lane stands in a venue, and what its host and the internet run. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from lbrouter.model.config import Config
from lbrouter.model.kernel_state import IpNetwork

RELAY_INTERFACE = "eth0"
RELAY_ROUTER_OFFSET = 0xFF00
"""Where in the internet's pool its ends of the relays' links are, after those of the providers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayLayout:
    """The relay of the lane `name`: its public address and port, the internet's end of its link."""

    name: str
    number: int
    address: IPv4Address
    port: int
    router: IPv4Address

    @property
    def role(self) -> str:
        """Its role in the namespaces' names."""
        return f"relay-{self.name}"

    @property
    def internet_interface(self) -> str:
        """The internet's interface towards it."""
        return f"relay{self.number}"


def plan_relays(config: Config, pool: IpNetwork) -> Iterator[RelayLayout]:
    """A relay for each lane; in an adapted configuration each has an address."""
    for number, lane in enumerate(config.lanes(), 1):
        assert lane.relay is not None
        assert lane.relay.address is not None
        yield RelayLayout(
            name=lane.name,
            number=number,
            address=lane.relay.address,
            port=lane.relay.port,
            router=IPv4Address(int(pool.network_address) + RELAY_ROUTER_OFFSET + number),
        )


def relay_link_commands(relay: RelayLayout) -> Iterator[str]:
    """Lines for `ip -batch` on the relay's host: as a provider of machines sets up a new one."""
    yield "link set lo up"
    yield f"link set {RELAY_INTERFACE} up"
    yield f"address add {relay.address}/32 dev {RELAY_INTERFACE}"
    yield f"route add default via {relay.router} dev {RELAY_INTERFACE} onlink"


def internet_link_commands(relay: RelayLayout) -> Iterator[str]:
    """Lines for `ip -batch` on the internet's host."""
    yield f"link set {relay.internet_interface} up"
    yield f"address add {relay.router}/32 dev {relay.internet_interface}"
    yield f"route add {relay.address}/32 dev {relay.internet_interface}"
