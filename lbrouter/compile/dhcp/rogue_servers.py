"""Other DHCP servers on our VLANs: who was heard, who is new, who has gone. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

from lbrouter.compile.report.status import DhcpServerStatus
from lbrouter.compile.services.dnsmasq import serves_dhcp
from lbrouter.model.config import Config

MISSED_QUERIES_UNTIL_GONE: Final = 2
"""Questions that a server may leave unanswered before it counts as gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RogueOffer:
    """What somebody offers who is not us: his hardware address, his own, and the one offered."""

    interface: str
    mac: str
    server: IPv4Address
    offered: IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class RogueServer:
    """A DHCP server beside ours on a VLAN. `missed` counts the questions it has not answered."""

    vlan: str
    offer: RogueOffer
    missed_queries: int = 0

    def __str__(self) -> str:
        return f"{self.offer.server} ({self.offer.mac}) in VLAN {self.vlan}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RogueServerScan:
    """All that are there after a question, and who came or went with it."""

    present: Mapping[tuple[str, str], RogueServer] = field(default_factory=dict)
    appeared: tuple[RogueServer, ...] = ()
    disappeared: tuple[RogueServer, ...] = ()


def devices_to_query(config: Config) -> dict[str, str]:
    """Where to ask: devices of the VLANs whose addresses are ours to give, and their names.

    Elsewhere somebody else's server is what the file wants.
    """
    return {
        config.vlan_device(vlan): vlan.name for vlan in config.vlans.values() if serves_dhcp(vlan)
    }


def next_scan(
    before: RogueServerScan, offers: Iterable[RogueOffer], vlans: Mapping[str, str]
) -> RogueServerScan:
    """The round after a question on `vlans` (by device) that was answered with `offers`."""
    heard = {
        (vlans[offer.interface], offer.mac): RogueServer(vlan=vlans[offer.interface], offer=offer)
        for offer in offers
        if offer.interface in vlans
    }
    silent = {
        key: RogueServer(vlan=each.vlan, offer=each.offer, missed_queries=each.missed_queries + 1)
        for key, each in before.present.items()
        if key not in heard
    }
    stay = {
        key: each for key, each in silent.items() if each.missed_queries < MISSED_QUERIES_UNTIL_GONE
    }
    return RogueServerScan(
        present={**stay, **heard},
        appeared=tuple(each for key, each in heard.items() if key not in before.present),
        disappeared=tuple(each for key, each in silent.items() if key not in stay),
    )


def rogue_server_status(scan: RogueServerScan, vlan: str) -> list[DhcpServerStatus]:
    """The key "other_dhcp_servers" of a VLAN in `status --json`."""
    return [
        {
            "mac": each.offer.mac,
            "address": str(each.offer.server),
            "offers": str(each.offer.offered),
        }
        for each in scan.present.values()
        if each.vlan == vlan
    ]
