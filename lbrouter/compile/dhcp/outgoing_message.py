"""The messages that a DHCP client sends: DISCOVER or REQUEST, by the phase. RFC 2131, 4.4, pure."""

from typing import Final

from lbrouter.compile.dhcp.client_state import DhcpClientState, DhcpPhase, OutgoingDhcpMessage
from lbrouter.compile.wire.dhcp_message import (
    UNSPECIFIED_ADDRESS,
    DhcpMessage,
    DhcpMessageType,
    DhcpOption,
)

MAX_DHCP_MESSAGE_BYTES: Final = 1472
"""Bytes of a message that we take: what fits into an Ethernet frame."""

REQUESTED_OPTIONS: Final = bytes(
    (
        DhcpOption.SUBNET_MASK,
        DhcpOption.CLASSLESS_STATIC_ROUTES,  # before the router: RFC 3442
        DhcpOption.ROUTER,
        DhcpOption.DNS,
        DhcpOption.MTU,
        DhcpOption.LEASE_TIME,
        DhcpOption.SERVER_ID,
        DhcpOption.RENEWAL_TIME,
        DhcpOption.REBINDING_TIME,
    )
)
"""Options that the server is asked for."""


def build_message(client: DhcpClientState, at: float) -> OutgoingDhcpMessage:
    """The message of the phase: a renewal goes to the lease's server, all else is broadcast."""
    # A client that renews speaks as the owner of its address.
    own = (
        client.lease.address.ip
        if client.lease is not None and client.phase in (DhcpPhase.RENEWING, DhcpPhase.REBINDING)
        else UNSPECIFIED_ADDRESS
    )
    message = DhcpMessage(
        message_type=DhcpMessageType.DISCOVER
        if client.phase is DhcpPhase.SELECTING
        else DhcpMessageType.REQUEST,
        xid=client.xid,
        chaddr=client.hardware_address,
        secs=min(int(at - client.search_started_at), 0xFFFF) if own == UNSPECIFIED_ADDRESS else 0,
        ciaddr=own,
        options={
            DhcpOption.CLIENT_ID: client.names.client_id or b"\x01" + client.hardware_address,
            **_hostname_option(client),
            DhcpOption.MAX_MESSAGE_SIZE: MAX_DHCP_MESSAGE_BYTES.to_bytes(2, "big"),
            DhcpOption.PARAMETER_REQUEST_LIST: REQUESTED_OPTIONS,
            **_address_options(client),
        },
    )
    if client.phase is not DhcpPhase.RENEWING or client.lease is None:
        return OutgoingDhcpMessage(message=message, source=own)
    lease = client.lease
    return OutgoingDhcpMessage(
        message=message, source=own, destination=lease.server, station=lease.station
    )


def _hostname_option(client: DhcpClientState) -> dict[int, bytes]:
    hostname = client.names.hostname
    return {DhcpOption.HOSTNAME: hostname.encode()} if hostname else {}


def _address_options(client: DhcpClientState) -> dict[int, bytes]:
    """The address that is asked for, where the client does not speak from it."""
    if client.phase is DhcpPhase.REQUESTING and client.offered_lease is not None:
        server, asked = client.offered_lease.server, client.offered_lease.address
        return {DhcpOption.SERVER_ID: server.packed, DhcpOption.REQUESTED_ADDRESS: asked.ip.packed}
    if client.phase is DhcpPhase.REBOOTING and client.lease is not None:
        return {DhcpOption.REQUESTED_ADDRESS: client.lease.address.ip.packed}
    return {}
