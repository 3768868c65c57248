"""A lease: what a provider's DHCP server lent to an uplink, and until when."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkLease:
    """One leased address (RFC 2131). Times are seconds of CLOCK_BOOTTIME, inf for never.

    A lease is an input like a fact: routes, sets and addresses follow from it.
    """

    address: IPv4Interface
    gateway: IPv4Address
    server: IPv4Address
    """The server that granted it: it is asked to renew, and its refusal counts."""
    station: str = ""
    """Hardware address from which the grant came ("02:00:..."): the server, or its relay."""
    dns: tuple[IPv4Address, ...] = ()
    mtu: int | None = None
    """Largest packet of the line in bytes, where the server says so."""
    obtained_at: float
    renew_at: float
    rebind_at: float
    expires_at: float

    @property
    def kernel_fields(self) -> tuple[object, ...]:
        """All that the kernel depends on: a renewal that leaves it alone changes nothing there."""
        return self.address, self.gateway, self.mtu
