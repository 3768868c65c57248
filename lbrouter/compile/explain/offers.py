"""What a public address of ours offers to a flow: a forward, or a host with that address (1:1)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lbrouter.compile.firewall.public_services import uplinks_of_forward
from lbrouter.compile.routing.uplink_addressing import uplink_nexthop
from lbrouter.model.config import Config, Forward
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import AddressFamily, IpAddress
from lbrouter.model.messages.phrase import phrase


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the first packet of a flow asks for. `port` None: the protocol has no ports."""

    source: IpAddress
    destination: IpAddress
    protocol: str
    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Where the flow is sent, and the place in the file that says so. `forward`: counted from 0."""

    uplink: str
    because: str
    host: IpAddress
    forward: int | None = None


def uplinks_with_address(config: Config, facts: Facts, address: IpAddress) -> Iterator[str]:
    """The uplinks that have `address`: their own, or one that belongs to a host inside."""
    for name, uplink in config.uplinks.items():
        ways = (uplink_nexthop(uplink, family, facts) for family in AddressFamily)
        own = [way.address.ip for way in ways if way is not None]
        mapped = [entry.public for entry in config.maps if entry.uplink == name]
        if address in (*own, *mapped):
            yield name


def find_offer(config: Config, uplinks: Iterable[str], asked: Asked) -> Offer | None:
    """The first that matches, maps before forwards; `uplinks` have the destination's address."""
    names = list(uplinks)
    for index, entry in enumerate(config.maps):
        if entry.uplink in names and entry.public == asked.destination:
            because = phrase(
                "maps.{index} gives this address to {host}", index=index, host=entry.to
            )
            return Offer(uplink=entry.uplink, because=because, host=entry.to)
    for index, forward in enumerate(config.forwards):
        on = [name for name in names if name in uplinks_of_forward(config, forward)]
        if on and _matches(forward, asked):
            because = phrase("forwards.{index} sends it to {to}", index=index, to=forward.to)
            return Offer(uplink=on[0], because=because, host=forward.to.address, forward=index)
    return None


def _matches(forward: Forward, asked: Asked) -> bool:
    return (
        str(forward.protocol) == asked.protocol
        and asked.port in forward.port
        and forward.to.address.version == asked.destination.version
        and (not forward.sources or any(asked.source in network for network in forward.sources))
    )
