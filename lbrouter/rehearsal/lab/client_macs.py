"""A hardware address for each client that one host stands for: its Nth address of each family.

The gateway knows a client by its hardware address. A host with twenty addresses acts as twenty
clients, so what it sends from each of them has another one.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from lbrouter.model.kernel_state import IpInterface

CLIENT_MAC_PREFIX: Final = "02:63:6c"
"""Locally administered; then the VLAN's number in the venue, and the end of the address."""


def client_mac_ruleset(addresses: Sequence[IpInterface], segment: int) -> Iterator[str]:
    """The nft text for a host's `eth0`; nothing for a host that is one client.

    The first address of each family keeps the interface's own hardware address.
    """
    own = {
        family: [address.ip for address in addresses if address.version == version]
        for family, version in (("ip", 4), ("ip6", 6))
    }
    macs = [
        f"{CLIENT_MAC_PREFIX}:{segment:02x}:{int(ip) >> 8 & 255:02x}:{int(ip) & 255:02x}"
        for ip in max(own.values(), key=len)
    ]
    if len(macs) < 2:
        return
    yield "table netdev client_macs {"
    yield '  chain leaving { type filter hook egress device "eth0" priority 0; policy accept;'
    for family, found in own.items():
        pairs = ", ".join(f"{ip} : {mac}" for ip, mac in list(zip(found, macs, strict=False))[1:])
        if pairs:
            yield f"    ether saddr set {family} saddr map {{ {pairs} }}"
    yield "  }"
    yield "}"
