"""Why an uplink has no lease, for the technician who looks at it."""

from typing import Final

from lbrouter.compile.dhcp.client_state import DhcpClientState, DhcpPhase
from lbrouter.model.messages.codes import AddressCode
from lbrouter.model.messages.message import Message, message

TRIES_UNTIL_NO_SERVER: Final = 2
"""Messages without an answer, until the reason says that no server is there."""


def no_lease_reason(client: DhcpClientState, interface: str, *, since: str) -> Message | None:
    """Why there is no lease on `interface`; None if there is one.

    `since` is the time at which the current search began, as people write it.
    """
    if client.lease is not None:
        return None
    if client.rejection_reason is not None:
        offer = client.rejection_reason
        return message(AddressCode.DHCP_REJECTED, interface=interface, offer=offer)
    if client.phase is DhcpPhase.SELECTING and client.tries >= TRIES_UNTIL_NO_SERVER:
        return message(AddressCode.DHCP_NO_SERVER, interface=interface, since=since)
    return message(AddressCode.DHCP_ASKING, interface=interface)
