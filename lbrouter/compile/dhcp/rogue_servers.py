"""Other DHCP servers on our VLANs: who was heard, who is new, who has gone. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

from lbrouter.compile.report.status import DhcpServerStatus
from lbrouter.compile.services.dnsmasq import leases
from lbrouter.model.config import Config

FORGIVEN: Final = 2
"""Questions that a server may leave unanswered before it counts as gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What somebody offers who is not us: his hardware address, his own, and the one offered."""

    interface: str
    mac: str
    server: IPv4Address
    offered: IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """A DHCP server beside ours on a VLAN. `missed` counts the questions it has not answered."""

    vlan: str
    offer: Offer
    missed: int = 0

    def __str__(self) -> str:
        return f"{self.offer.server} ({self.offer.mac}) in VLAN {self.vlan}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """All that are there after a question, and who came or went with it."""

    there: Mapping[tuple[str, str], Stranger] = field(default_factory=dict)
    came: tuple[Stranger, ...] = ()
    went: tuple[Stranger, ...] = ()


def asked(config: Config) -> dict[str, str]:
    """Where to ask: devices of the VLANs whose addresses are ours to give, and their names.

    Elsewhere somebody else's server is what the file wants.
    """
    return {config.device_of(vlan): vlan.name for vlan in config.vlans.values() if leases(vlan)}


def answered(before: Round, offers: Iterable[Offer], vlans: Mapping[str, str]) -> Round:
    """The round after a question on `vlans` (by device) that was answered with `offers`."""
    heard = {
        (vlans[offer.interface], offer.mac): Stranger(vlan=vlans[offer.interface], offer=offer)
        for offer in offers
        if offer.interface in vlans
    }
    silent = {
        key: Stranger(vlan=each.vlan, offer=each.offer, missed=each.missed + 1)
        for key, each in before.there.items()
        if key not in heard
    }
    stay = {key: each for key, each in silent.items() if each.missed < FORGIVEN}
    return Round(
        there={**stay, **heard},
        came=tuple(each for key, each in heard.items() if key not in before.there),
        went=tuple(each for key, each in silent.items() if key not in stay),
    )


def status(found: Round, vlan: str) -> list[DhcpServerStatus]:
    """The key "other_dhcp_servers" of a VLAN in `status --json`."""
    return [
        {
            "mac": each.offer.mac,
            "address": str(each.offer.server),
            "offers": str(each.offer.offered),
        }
        for each in found.there.values()
        if each.vlan == vlan
    ]
