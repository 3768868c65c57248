"""A provider's DHCP server: dnsmasq on the line, which offers one address. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

DNSMASQ_MIN_LEASE_S = 120
"""dnsmasq grants no shorter lease."""

LEASE_RENEW_S, LEASE_REBIND_S = 2, 4
"""In the fault of a lease: when the client asks its own server again, and when any server. dnsmasq
ignores 1 and 2: it then grants a half and seven eighths of the lease.
"""

CHANGED_LEASE_HOST_NUMBERS = (77, 254)
"""Host numbers in the uplink's subnet of the address and the gateway that a lease changes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTerms:
    """What the client gets: address with its subnet, gateway; times in seconds.

    `renew_s` is when it asks its server again (T1), `rebind_s` when it asks any server (T2); None
    leaves them to the client: a half, and seven eighths of the lease.
    """

    address: IPv4Interface
    gateway: IPv4Address
    lease_s: int = DNSMASQ_MIN_LEASE_S
    renew_s: int | None = None
    rebind_s: int | None = None


def changed_lease(home: IPv4Interface) -> tuple[IPv4Interface, IPv4Address]:
    """Another address and another gateway in the subnet of `home`, one of the lab's own /24."""
    address, gateway = (home.network[place] for place in CHANGED_LEASE_HOST_NUMBERS)
    return IPv4Interface(f"{address}/{home.network.prefixlen}"), gateway


def dnsmasq_argv(offer: LeaseTerms, *, leases: Path, log: Path) -> list[str]:
    """Command line of the server; it stays in the foreground, and writes to no system log.

    It knows no client from before, and refuses at once (NAK) what does not fit its subnet.
    """
    return [
        "dnsmasq",
        "--conf-file=/dev/null",
        "--keep-in-foreground",
        "--pid-file=",
        "--user=root",
        "--port=0",
        "--interface=line",
        "--except-interface=lo",
        "--bind-interfaces",
        "--no-ping",
        "--no-hosts",
        "--no-resolv",
        "--dhcp-authoritative",
        "--log-dhcp",
        f"--log-facility={log}",
        f"--dhcp-leasefile={leases}",
        *_dhcp_options(offer),
    ]


def _dhcp_options(offer: LeaseTerms) -> Iterator[str]:
    ip, mask = offer.address.ip, offer.address.netmask
    yield f"--dhcp-range={ip},{ip},{mask},{max(offer.lease_s, DNSMASQ_MIN_LEASE_S)}"
    yield f"--dhcp-option=option:router,{offer.gateway}"
    yield "--dhcp-option=option:dns-server,1.1.1.1"
    if offer.renew_s is not None:
        yield f"--dhcp-option-force=58,{offer.renew_s}"
    if offer.rebind_s is not None:
        yield f"--dhcp-option-force=59,{offer.rebind_s}"
