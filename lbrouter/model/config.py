"""`Config`: the whole configuration file, typed.

The attribute names are the file's keys (`from` is `from_`, a word of Python). What one section
says of another is checked in `lbrouter.compile.config.validate`.
"""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from lbrouter.model.reserved_ids import MAX_UPLINKS
from lbrouter.model.sections.addresses import Addressing, Addressing6, AddressRange, Endpoint
from lbrouter.model.sections.alerts import AlertKind, Alerts
from lbrouter.model.sections.field_types import HostAddress, Section, SectionName, TimeZone
from lbrouter.model.sections.policies import (
    ANY_UPLINK,
    AddressMap,
    Forward,
    ForwardProtocol,
    LivingFlows,
    Policy,
    PolicyMode,
    PolicyRule,
    Protocol,
    Tolerance,
)
from lbrouter.model.sections.targets import ProbeTarget, TargetKind
from lbrouter.model.sections.uplinks import Health, HealthOverride, Uplink
from lbrouter.model.sections.vlans import Bandwidth, Dhcp, Lan, Reservation, Vlan

__all__ = [
    "ANY_UPLINK",
    "AddressMap",
    "AddressRange",
    "Addressing",
    "Addressing6",
    "AlertKind",
    "Alerts",
    "Bandwidth",
    "Config",
    "Dhcp",
    "Endpoint",
    "Forward",
    "ForwardProtocol",
    "Gateway",
    "Health",
    "HealthOverride",
    "Helper",
    "Lan",
    "LivingFlows",
    "Policy",
    "PolicyMode",
    "PolicyRule",
    "ProbeTarget",
    "Protocol",
    "Reservation",
    "TargetKind",
    "Tolerance",
    "Uplink",
    "Vlan",
]

MAX_VLANS: Final = 4000
"""VLAN numbers become minors of HTB classes; a few of the 4094 tags stay free."""

MAX_POLICIES: Final = 255
MAX_RULES: Final = 1000
MAX_DNS: Final = 8


MAX_MDNS_GROUPS: Final = 16
MdnsGroup = Annotated[tuple[SectionName, ...], Field(min_length=2, max_length=64)]


class Helper(StrEnum):
    """Connection tracking helpers: protocols that announce further connections in their own."""

    FTP = "ftp"
    PPTP = "pptp"
    SIP = "sip"


class Gateway(Section):
    """The gateway itself: its name, and whom it asks."""

    name: SectionName
    """What this gateway is called, in status and reports."""
    dns: Annotated[tuple[HostAddress, ...], Field(max_length=MAX_DNS)] = ()
    """Resolvers that the gateway forwards its clients' queries to. Absent means: those that the
    machine itself uses."""
    timezone: TimeZone | None = None
    """The zone in which people read times: `"Asia/Jakarta"`, say. Absent means: the machine's.
    JSON stays in UTC."""

    helpers: Annotated[tuple[Helper, ...], Field(max_length=len(Helper))] = ()
    """Connection tracking helpers: `ftp` (transfers of an FTP client or server), `pptp` (VPN by
    GRE, several clients to one server), `sip` (calls of phones that know of no NAT). Each reads
    what clients say, so take only what is needed."""

    mdns: Annotated[tuple[MdnsGroup, ...], Field(max_length=MAX_MDNS_GROUPS)] = ()
    """Groups of VLANs that see each other's announcements (AirPlay, Chromecast, NDI, printers):
    `[["crew", "playback"]]`. Who may then connect, `reach` says."""


class Config(Section):
    """The configuration of one gateway."""

    gateway: Gateway
    """The gateway itself."""
    health: Health = Health()
    """Defaults of the health checks of every uplink."""
    uplinks: Annotated[dict[SectionName, Uplink], Field(min_length=1, max_length=MAX_UPLINKS)]
    """The lines to the internet, by name."""
    lan: Lan | None = None
    """The inside; needed where a VLAN has an `id`."""
    vlans: Annotated[dict[SectionName, Vlan], Field(max_length=MAX_VLANS)] = Field({})
    """The networks of clients, by name."""
    policies: Annotated[dict[SectionName, Policy], Field(max_length=MAX_POLICIES)] = Field({})
    """How new flows are given to uplinks, by name."""
    rules: Annotated[tuple[PolicyRule, ...], Field(max_length=MAX_RULES)] = ()
    """Flows that take another policy than their VLAN's; the first match wins."""
    forwards: Annotated[tuple[Forward, ...], Field(max_length=MAX_RULES)] = ()
    """Services inside that can be reached from outside."""
    maps: Annotated[tuple[AddressMap, ...], Field(max_length=MAX_RULES)] = ()
    """Hosts inside that have a public address of their own (1:1)."""
    alerts: Alerts | None = None
    """Whom to tell of what happens."""

    @model_validator(mode="after")
    def set_section_names(self) -> Self:
        """Tell each named section the key under which it stands."""
        for name, section in [*self.uplinks.items(), *self.vlans.items(), *self.policies.items()]:
            section.set_name(name)
        return self

    def uplink_ports(self) -> dict[str, str]:
        """The interface that each line is plugged into now, by the line's name."""
        return {name: line.port for name, line in self.uplinks.items()}

    def vlan_device(self, vlan: Vlan) -> str:
        """The kernel's interface of `vlan`: its port, the trunk, or the VLAN device on it."""
        if vlan.port is not None:
            return vlan.port
        trunk = self.lan.trunk if self.lan else ""
        return trunk if vlan.untagged else f"{trunk}.{vlan.id}"

    def health_settings_of(self, uplink: Uplink) -> Health:
        """The health settings of `uplink`: its own keys over those of `[health]`.

        A lane asks its relay first.
        """
        own: dict[str, object] = {k: value for k, value in uplink.health if value is not None}
        health = self.health.model_copy(update=own)
        if not uplink.is_lane:
            return health
        relay = ProbeTarget(kind=TargetKind.ICMP, host=str(uplink.relay_inside))
        return health.model_copy(update={"targets": (relay, *health.targets)})

    def lanes(self) -> tuple[Uplink, ...]:
        """The uplinks that are lanes."""
        return tuple(uplink for uplink in self.uplinks.values() if uplink.is_lane)

    def lanes_over(self, uplink: str) -> tuple[Uplink, ...]:
        """The lanes whose copies leave by `uplink`."""
        return tuple(lane for lane in self.lanes() if uplink in lane.over)
