"""A flow in the user's words: addresses, the name of a VLAN, "gateway"."""

from ipaddress import ip_address

from lbrouter.compile.explain.flow import (
    GATEWAY_ENDPOINT,
    PROTOCOLS_WITH_PORTS,
    Flow,
    gateway_addresses,
    vlan_of_address,
)
from lbrouter.model.config import Config, Protocol, Vlan
from lbrouter.model.errors import UsageError
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.messages.phrase import Phrase, phrase


def parse_flow(
    config: Config, facts: Facts, *, source: str, destination: str, protocol: str, port: int | None
) -> Flow:
    """The flow in the user's words: addresses, a VLAN's name as source, or "gateway".

    Raises UsageError for anything else.
    """
    no_end = phrase('The destination "{text}" is not an IP address.', text=destination)
    end = _parse_address(destination, no_end)
    try:
        kind = Protocol(protocol)
    except ValueError:
        known = ", ".join(Protocol)
        raise UsageError(
            phrase('Protocol "{protocol}" is none of {known}.', protocol=protocol, known=known)
        ) from None
    if kind is Protocol.ICMP and end.version == 6:
        kind = Protocol.ICMPV6
    if source == GATEWAY_ENDPOINT:
        own = next(
            (a.ip for a in gateway_addresses(config, facts) if a.version == end.version), end
        )
        return Flow(source=own, destination=end, protocol=kind, port=port, from_gateway=True)
    vlan = config.vlans.get(source)
    no_start = phrase(
        'The source "{text}" is not an IP address, a VLAN of the file or "gateway".', text=source
    )
    start = _parse_address(source, no_start) if vlan is None else _example_client(vlan, end.version)
    if start.version != end.version:
        raise UsageError(
            phrase("{start} and {end} are of different families.", start=start, end=end)
        )
    own_source = any(start == address.ip for address in gateway_addresses(config, facts))
    return Flow(
        source=start,
        destination=end,
        protocol=kind,
        port=port if kind in PROTOCOLS_WITH_PORTS else None,
        vlan=None if own_source else vlan_of_address(config, start),
        from_gateway=own_source,
    )


def _parse_address(text: str, refused: Phrase) -> IpAddress:
    try:
        return ip_address(text)
    except ValueError:
        raise UsageError(refused) from None


def _example_client(vlan: Vlan, version: int) -> IpAddress:
    """Any client of the VLAN: the first address that is not the gateway's."""
    subnet = vlan.address if version == 4 else vlan.address6
    if subnet is None:
        raise UsageError(
            phrase(
                "VLAN {vlan} has no IPv6 address, so no client of it speaks IPv6.", vlan=vlan.name
            )
        )
    base = int(subnet.network.network_address)
    offset = next(n for n in (1, 2) if base + n != int(subnet.ip))
    return ip_address(base + offset) if version == 4 else ip_address((base + offset).to_bytes(16))
