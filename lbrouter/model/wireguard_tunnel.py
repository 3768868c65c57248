"""`WireguardTunnel`: what a WireGuard device of ours is told, as an object of the kernel state."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

EVERYTHING4: Final = "0.0.0.0/0"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireguardTunnel:
    """What a WireGuard device is told: its key, its port and mark, and its one peer.

    Keys are base64, as `wg` prints them. Two are equal when their public keys are: the private key
    takes no part, and is never printed. `peer_endpoint` is "ADDRESS:PORT", `keepalive_s` is 0 for
    none. `allowed` is what the peer may send from, and what is sent to it.
    """

    interface: str
    public_key: str
    peer_key: str
    peer_endpoint: str
    listen_port: int
    fwmark: int
    keepalive_s: int
    allowed: str = EVERYTHING4
    private_key: str = field(default="", compare=False, repr=False)
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Hashable:
        """What the kernel knows it by."""
        return ("tunnel", self.interface)
