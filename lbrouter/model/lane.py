"""What a lane is made from, beside the file: keys, the relay's address, the kernel's handshake."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

LANE_DEVICE_MTU: Final = 1420
"""The MTU that a WireGuard device is made with."""

HANDSHAKE_EXPIRES_S: Final = 200.0
"""WireGuard makes new keys every two minutes while there is traffic, and drops them after three
(REJECT_AFTER_TIME); the rest is for packets that were lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneKeys:
    """The keys of a lane's ends, base64. The private one is never printed."""

    private_key: str = field(repr=False)
    public_key: str
    relay_key: str
    """The relay's public key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneFacts:
    """A lane that can be set up: its keys, and where the relay is now."""

    keys: LaneKeys
    relay_address: IPv4Address
    mtu: int = 0
    """Largest packet inside where that is less than what the device takes; 0 else."""
    handshake_age_s: float | None = None
    """Seconds since the last handshake of both ends, when it was asked for; None: never."""
    handshake_at: float | None = None
    """When that was, in seconds of the wall clock."""

    @property
    def connected(self) -> bool:
        """Whether both ends have keys for each other that still count."""
        return self.handshake_age_s is not None and self.handshake_age_s < HANDSHAKE_EXPIRES_S


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerReadings:
    """The peer of a WireGuard device as the kernel counts it."""

    last_handshake_at: float | None
    """Seconds of the wall clock; None: never."""
    received_bytes: int = 0
    sent_bytes: int = 0
