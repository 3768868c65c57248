"""Rogue DHCP servers on our VLANs: which answer, which are new, which have gone. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

from lbrouter.compile.report.status_types import DhcpServerStatus
from lbrouter.compile.services.dnsmasq import serves_dhcp
from lbrouter.model.config import Config
from lbrouter.model.messages.phrase import phrase

MISSED_QUERIES_UNTIL_GONE: Final = 2
"""Queries that a server leaves unanswered before it counts as gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RogueOffer:
    """An offer of another server: its hardware address, its IP address, and the one offered."""

    interface: str
    mac: str
    server: IPv4Address
    offered: IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class RogueServer:
    """A DHCP server beside ours on a VLAN. `missed_queries` counts those without an answer."""

    vlan: str
    offer: RogueOffer
    missed_queries: int = 0

    def __str__(self) -> str:
        known = {"server": self.offer.server, "mac": self.offer.mac, "vlan": self.vlan}
        return phrase("{server} ({mac}) in VLAN {vlan}", **known)


@dataclass(frozen=True, slots=True, kw_only=True)
class RogueServerScan:
    """All servers that are there after a query, and those that appeared or disappeared."""

    present: Mapping[tuple[str, str], RogueServer] = field(default_factory=dict)
    appeared: tuple[RogueServer, ...] = ()
    disappeared: tuple[RogueServer, ...] = ()


def devices_to_query(config: Config) -> dict[str, str]:
    """Where to query: devices of the VLANs in which we serve DHCP, and the VLANs' names.

    In the other VLANs the file wants another server.
    """
    return {
        config.vlan_device(vlan): vlan.name for vlan in config.vlans.values() if serves_dhcp(vlan)
    }


def next_scan(
    before: RogueServerScan, offers: Iterable[RogueOffer], vlans: Mapping[str, str]
) -> RogueServerScan:
    """The scan after a query on `vlans` (by device) that was answered with `offers`."""
    answering = {
        (vlans[offer.interface], offer.mac): RogueServer(vlan=vlans[offer.interface], offer=offer)
        for offer in offers
        if offer.interface in vlans
    }
    silent = {
        key: RogueServer(
            vlan=server.vlan, offer=server.offer, missed_queries=server.missed_queries + 1
        )
        for key, server in before.present.items()
        if key not in answering
    }
    stay = {
        key: server
        for key, server in silent.items()
        if server.missed_queries < MISSED_QUERIES_UNTIL_GONE
    }
    return RogueServerScan(
        present={**stay, **answering},
        appeared=tuple(server for key, server in answering.items() if key not in before.present),
        disappeared=tuple(server for key, server in silent.items() if key not in stay),
    )


def rogue_server_status(scan: RogueServerScan, vlan: str) -> list[DhcpServerStatus]:
    """The key "other_dhcp_servers" of a VLAN in `status --json`."""
    return [
        {
            "mac": server.offer.mac,
            "address": str(server.offer.server),
            "offers": str(server.offer.offered),
        }
        for server in scan.present.values()
        if server.vlan == vlan
    ]
