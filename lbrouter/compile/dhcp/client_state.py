"""The state of a DHCP client, its events, and the messages that it sends."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from math import inf
from typing import Final

from lbrouter.compile.wire.dhcp_message import UNSPECIFIED_ADDRESS, DhcpMessage
from lbrouter.model.config import Uplink
from lbrouter.model.lease import UplinkLease
from lbrouter.model.messages.message import Message

IPV4_BROADCAST: Final = IPv4Address("255.255.255.255")


class DhcpPhase(StrEnum):
    """State of the exchange: the names of RFC 2131, figure 5, and one without a carrier."""

    NO_CARRIER = "unplugged"
    SELECTING = "selecting"
    REQUESTING = "requesting"
    REBOOTING = "rebooting"
    BOUND = "bound"
    RENEWING = "renewing"
    REBINDING = "rebinding"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierUp:
    """The line has a carrier; `hardware_address` is the interface's Ethernet address."""

    at: float
    hardware_address: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierDown:
    """The line has no carrier, or the interface is gone."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpMessageReceived:
    """A message came, from the hardware address `station`."""

    at: float
    message: DhcpMessage
    station: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpTimerExpired:
    """`DhcpClientState.next_event_at` has come, or may have."""

    at: float


DhcpEvent = CarrierUp | CarrierDown | DhcpMessageReceived | DhcpTimerExpired


@dataclass(frozen=True, slots=True, kw_only=True)
class Randomness:
    """Random values of one step: the number of an exchange (32 bits), and a part of a pause."""

    xid: int
    jitter: float
    """From 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingDhcpMessage:
    """A message to send; `station` is the receiver's hardware address, empty for a broadcast."""

    message: DhcpMessage
    source: IPv4Address = UNSPECIFIED_ADDRESS
    destination: IPv4Address = IPV4_BROADCAST
    station: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpClientNames:
    """What a client says of itself: `hostname` (option 12), `client_id` (option 61, its bytes).

    Without an identifier its hardware address serves. `mac` is the address that the file asks for.
    """

    hostname: str = ""
    client_id: bytes = b""
    mac: str = ""


NO_NAMES: Final = DhcpClientNames()


def client_names(uplink: Uplink) -> DhcpClientNames:
    """What the client of `uplink` says of itself."""
    return DhcpClientNames(
        hostname=uplink.hostname or "",
        client_id=uplink.client_id.content if uplink.client_id is not None else b"",
        mac=uplink.mac or "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpClientState:
    """The state of one uplink's client. `lease` is the lease that may be used."""

    names: DhcpClientNames = NO_NAMES
    phase: DhcpPhase = DhcpPhase.NO_CARRIER
    lease: UplinkLease | None = None
    offered_lease: UplinkLease | None = None
    hardware_address: bytes = b""
    xid: int = 0
    tries: int = 0
    """Messages of this kind without a result so far."""
    failed_offers: int = 0
    """Failed offers since the last lease: the next search begins slower."""
    search_started_at: float = 0.0
    """When the current search began."""
    requested_at: float = 0.0
    next_event_at: float = inf
    rejection_reason: Message | None = None
    """What was wrong with the last message of a server."""
