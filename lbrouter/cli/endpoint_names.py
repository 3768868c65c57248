"""What a person calls the two ends of a flow, as addresses: clients by name, hosts by DNS."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from lbrouter.compile.explain.client_names import client_addresses, client_suggestion
from lbrouter.compile.explain.flow import GATEWAY_ENDPOINT
from lbrouter.compile.services.dnsmasq_leases import LanLease
from lbrouter.model.config import Config
from lbrouter.model.errors import UnavailableError, UsageError
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.messages.phrase import phrase

RESOLVE_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEnds:
    """Both ends as `parse_flow` takes them, and a sentence for each name that became an address."""

    source: str
    destination: str
    notes: tuple[str, ...] = ()


async def flow_ends(
    config: Config, leases: Sequence[LanLease], *, source: str, destination: str
) -> FlowEnds:
    """The ends of a flow. Raises UsageError for a name that is not known, UnavailableError where
    the destination's name cannot be resolved.
    """
    start, notes = _client(config, leases, source)
    if _address(destination) is not None:
        return FlowEnds(source=start, destination=destination, notes=notes)
    own = client_addresses(config, leases, destination)
    addresses = own or await _resolved(destination)
    end = _of_family(addresses, _address(start), destination)
    return FlowEnds(
        source=start,
        destination=end,
        notes=(*notes, phrase("{destination} is {end}", destination=destination, end=end)),
    )


def _client(config: Config, leases: Sequence[LanLease], name: str) -> tuple[str, tuple[str, ...]]:
    """The source as an address or a VLAN's name."""
    if name == GATEWAY_ENDPOINT or name in config.vlans or _address(name) is not None:
        return name, ()
    addresses = client_addresses(config, leases, name)
    if not addresses:
        hint = client_suggestion(config, leases, name)
        raise UsageError(
            phrase(
                'The source "{name}" is not an address, a VLAN of the file or a known client{hint}',
                name=name,
                hint=hint,
            ),
            remedy="`lbrouter clients` lists the known clients; `gateway` is the gateway itself.",
        )
    count = len(addresses)
    others = phrase(" (one of {count} of that name)", count=count) if count > 1 else ""
    return str(addresses[0]), (
        phrase("{name} is {addresses}{others}", name=name, addresses=addresses[0], others=others),
    )


def _address(text: str) -> IpAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _of_family(addresses: Sequence[IpAddress], start: IpAddress | None, name: str) -> str:
    """The first address of the source's family; any where the source is a VLAN."""
    fitting = [
        address for address in addresses if start is None or address.version == start.version
    ]
    if not fitting:
        assert start is not None
        raise UsageError(
            phrase(
                "{name} has no IPv{version} address, and {start} speaks no other.",
                name=name,
                version=start.version,
                start=start,
            )
        )
    return str(fitting[0])


async def _resolved(name: str) -> list[IpAddress]:
    """The addresses of a name, IPv4 first, by the resolver of this machine."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            answers = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # a TimeoutError too is an OSError
        reason = str(getattr(error, "strerror", "") or error) or phrase("no answer")
        raise UnavailableError(
            phrase('The destination "{name}" has no address: {reason}.', name=name, reason=reason),
            remedy="Check the spelling, or write the address.",
        ) from error
    addresses = {ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers}
    return sorted(addresses, key=lambda address: (address.version, int(address)))
