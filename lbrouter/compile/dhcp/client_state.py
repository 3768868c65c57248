"""What a DHCP client remembers, what happens to it, and what it sends."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from math import inf
from typing import Final

from lbrouter.compile.dhcp.message import UNSPECIFIED_ADDRESS, DhcpMessage
from lbrouter.model.lease import UplinkLease

IPV4_BROADCAST: Final = IPv4Address("255.255.255.255")


class DhcpPhase(StrEnum):
    """Where a client stands: the names of RFC 2131, figure 5, and one without a carrier."""

    NO_CARRIER = "unplugged"
    SELECTING = "selecting"
    REQUESTING = "requesting"
    REBOOTING = "rebooting"
    BOUND = "bound"
    RENEWING = "renewing"
    REBINDING = "rebinding"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierUp:
    """The line has a carrier; `hardware` is the Ethernet address of the interface."""

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
    """The time of `Client.due` has come, or may have."""

    at: float


DhcpEvent = CarrierUp | CarrierDown | DhcpMessageReceived | DhcpTimerExpired


@dataclass(frozen=True, slots=True, kw_only=True)
class Randomness:
    """Chance, thrown for each step: the number of an exchange (32 bits), and a part of a pause."""

    xid: int
    jitter: float
    """From 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingDhcpMessage:
    """A message to send; `station` is the hardware address of one receiver, empty for everybody."""

    message: DhcpMessage
    source: IPv4Address = UNSPECIFIED_ADDRESS
    destination: IPv4Address = IPV4_BROADCAST
    station: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpClientState:
    """All that one uplink's client remembers. `lease` is what may be used."""

    phase: DhcpPhase = DhcpPhase.NO_CARRIER
    lease: UplinkLease | None = None
    offered_lease: UplinkLease | None = None
    hardware_address: bytes = b""
    xid: int = 0
    tries: int = 0
    """Messages of this kind that came to nothing so far."""
    failed_offers: int = 0
    """Offers since the last lease that came to nothing: the next search begins slower."""
    search_started_at: float = 0.0
    """When the present search began."""
    requested_at: float = 0.0
    next_event_at: float = inf
    rejection_reason: str = ""
    """What was wrong with the last thing that a server said."""
