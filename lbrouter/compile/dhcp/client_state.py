"""What a DHCP client remembers, what happens to it, and what it sends."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from math import inf
from typing import Final

from lbrouter.compile.dhcp.message import NOBODY, Message
from lbrouter.model.lease import Lease

EVERYBODY: Final = IPv4Address("255.255.255.255")


class Phase(StrEnum):
    """Where a client stands: the names of RFC 2131, figure 5, and one without a carrier."""

    UNPLUGGED = "unplugged"
    SELECTING = "selecting"
    REQUESTING = "requesting"
    REBOOTING = "rebooting"
    BOUND = "bound"
    RENEWING = "renewing"
    REBINDING = "rebinding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugged:
    """The line has a carrier; `hardware` is the Ethernet address of the interface."""

    at: float
    hardware: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplugged:
    """The line has no carrier, or the interface is gone."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message came, from the hardware address `station`."""

    at: float
    message: Message
    station: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The time of `Client.due` has come, or may have."""

    at: float


Event = Plugged | Unplugged | Heard | Due


@dataclass(frozen=True, slots=True, kw_only=True)
class Dice:
    """Chance, thrown for each step: the number of an exchange (32 bits), and a part of a pause."""

    xid: int
    jitter: float
    """From 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A message to send; `station` is the hardware address of one receiver, empty for everybody."""

    message: Message
    source: IPv4Address = NOBODY
    destination: IPv4Address = EVERYBODY
    station: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """All that one uplink's client remembers. `lease` is what may be used."""

    phase: Phase = Phase.UNPLUGGED
    lease: Lease | None = None
    offered: Lease | None = None
    hardware: bytes = b""
    xid: int = 0
    tries: int = 0
    """Messages of this kind that came to nothing so far."""
    refusals: int = 0
    """Offers since the last lease that came to nothing: the next search begins slower."""
    sought_from: float = 0.0
    """When the present search began."""
    asked_at: float = 0.0
    due: float = inf
    nonsense: str = ""
    """What was wrong with the last thing that a server said."""
