"""Why an uplink has no lease, in words for the technician who looks at it."""

from typing import Final

from lbrouter.compile.dhcp.client_state import DhcpClientState, DhcpPhase

TRIES_UNTIL_NO_SERVER: Final = 2
"""Messages without an answer, until the reason says that no server is there."""


def no_lease_reason(client: DhcpClientState, interface: str, *, since: str) -> str:
    """Why there is no lease on `interface`; "" if there is one.

    `since` is the time at which the current search began, as people write it.
    """
    if client.lease is not None:
        return ""
    if client.rejection_reason:
        return f"the DHCP server on {interface} offers {client.rejection_reason}"
    if client.phase is DhcpPhase.SELECTING and client.tries >= TRIES_UNTIL_NO_SERVER:
        return f"no DHCP server answers on {interface} since {since}"
    return f"asking for a DHCP lease on {interface}"
