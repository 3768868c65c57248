"""Router advertisements as frames, and a neighbour that sends them on a link of the venue."""

from collections.abc import Iterable

from scapy.layers.inet6 import (
    ICMPv6ND_RA,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import Ether

from lbrouter.rehearsal.lab.host import Host
from lbrouter.rehearsal.lab.packet_capture import packet_socket_in

ALL_NODES_MAC = "33:33:00:00:00:01"
NEIGHBOUR_MAC = "02:00:00:00:00:66"
INFINITE_S = 0xFFFFFFFF


def advertisement(
    *prefixes: str,
    source: str = "fe80::66",
    lifetime_s: int = 1800,
    valid_s: int = 3600,
    autonomous: bool = True,
    managed: bool = False,
    preference: int = 0,
    hop_limit: int = 255,
) -> bytes:
    """One frame; each prefix as "2001:db8:1::/64", on link. `preference` 1 is high."""
    frame = Ether(src=NEIGHBOUR_MAC, dst=ALL_NODES_MAC)
    frame /= IPv6(src=source, dst="ff02::1", hlim=hop_limit)
    frame /= ICMPv6ND_RA(routerlifetime=lifetime_s, M=int(managed), prf=preference)
    frame /= ICMPv6NDOptSrcLLAddr(lladdr=NEIGHBOUR_MAC)
    for text in prefixes:
        prefix, _, length = text.partition("/")
        frame /= ICMPv6NDOptPrefixInfo(
            prefix=prefix,
            prefixlen=int(length),
            L=1,
            A=int(autonomous),
            validlifetime=valid_s,
            preferredlifetime=valid_s,
        )
    return bytes(frame)


def send_frames(host: Host, interface: str, frames: Iterable[bytes]) -> None:
    """Send frames on the link of a host's interface."""
    with packet_socket_in(host.namespace, interface) as wire:
        for frame in frames:
            wire.send(frame)
