"""A lease of DHCPv6: the IPv6 address that a provider lent to an uplink, and until when."""

from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Interface


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkLease6:
    """One lent address (RFC 8415, IA_NA), a /128: the router says what is on the link.

    Times are seconds of CLOCK_BOOTTIME, inf for never.
    """

    address: IPv6Interface
    server_duid: str
    """The server that lent it, in hexadecimal digits."""
    dns: tuple[IPv6Address, ...] = ()
    obtained_at: float
    renew_at: float
    rebind_at: float
    expires_at: float
