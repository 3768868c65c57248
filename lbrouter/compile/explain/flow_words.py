"""The words of a person who asks for a flow, as addresses."""

from ipaddress import ip_address

from lbrouter.model.config import Vlan
from lbrouter.model.errors import UsageError
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.messages.phrase import Phrase, phrase


def parse_address(text: str, refused: Phrase) -> IpAddress:
    """The address that `text` is. Raises UsageError with `refused`."""
    try:
        return ip_address(text)
    except ValueError:
        raise UsageError(refused) from None


def example_client(vlan: Vlan, version: int) -> IpAddress:
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
