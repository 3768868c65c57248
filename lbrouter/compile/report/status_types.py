"""The parts of the document of `lbrouter status --json`, and what was counted for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict

from lbrouter.compile.report.bound_state import BoundClientStatus
from lbrouter.compile.services.pool_usage import PoolUsage
from lbrouter.model.messages.message import MessageDocument
from lbrouter.model.messages.phrase import PhraseDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceTraffic:
    """What an interface carried over the moment of measuring, in bits per second."""

    received_bps: int = 0
    sent_bps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficMeasurements:
    """What is counted rather than configured: interfaces by name, connections by uplink number.

    `connections` is None where the kernel does not tell (no connection tracking in the namespace).
    """

    traffic: Mapping[str, InterfaceTraffic] = field(default_factory=dict)
    connections: Mapping[int, int] | None = None


class FamilyStatus(TypedDict):
    """One family of an uplink: its state, why, and the reason's stable word.

    `reason_data` is the reason as a code and values, from which its sentence is made.
    """

    state: str
    reason: str
    reason_code: str
    reason_data: MessageDocument


class IdleStatus(TypedDict):
    """Why a line carries no copies: "" and null where it does."""

    reason: str
    reason_data: MessageDocument | None


class LaneLineStatus(IdleStatus):
    """One line of a lane: whether it gets a copy of each packet, and else why not.

    Of the last half minute, and null without a daemon: `rtt_ms` and `loss_percent` of echo requests
    to the relay by this line, which wait in the class of the copies; `dropped_percent` of what
    entered that class and was dropped by our own queue (null where the line is not shaped).
    """

    carrying: bool
    rtt_ms: float | None
    loss_percent: float | None
    dropped_percent: float | None


class AdvertisedStatus(TypedDict):
    """What routers advertise on an uplink's line. `managed`, `other`: DHCPv6 gives addresses, and
    other settings. `routers` counts those that advertise themselves; `refused` says what of it is
    not used, and why.
    """

    router: str | None
    managed: bool
    other: bool
    dns: list[str]
    routers: int
    refused: list[str]


class UplinkStatus(TypedDict):
    """One uplink. `rtt_ms`, `jitter_ms`, `loss_percent` are null without a daemon that probes.

    `since` (RFC 3339, UTC) is the time of the observation if no daemon saw the change.
    """

    state: str
    reason: str
    reason_code: str
    reason_data: MessageDocument
    since: str
    families: dict[str, FamilyStatus]
    """By "ipv4" and "ipv6": those that the uplink has. `state` is the better one."""
    interface: str
    address: str | None
    gateway: str | None
    address6: str | None
    gateway6: str | None
    rtt_ms: float | None
    jitter_ms: float | None
    loss_percent: float | None
    upload_bps: int
    download_bps: int
    upload_capacity_bps: int | None
    """What the file says that the line carries; null where it is not shaped."""
    download_capacity_bps: int | None
    connections: int | None
    number: int
    table: int
    advertised: AdvertisedStatus | None
    """Null where no router was heard, or `address6` is not "auto"."""
    over: NotRequired[dict[str, LaneLineStatus]]
    """Of a lane alone, as the next two: each of its lines."""
    handshake_age_s: NotRequired[float | None]
    relay: NotRequired[str | None]


class PolicyStatus(TypedDict):
    """One policy: the uplinks that new flows take, and their shares in percent (sum 100).

    `uplinks` are all that it may take, in the order of the file: the first is the first choice.
    `weights` are the shares that are asked for, `shares` what new flows did in the last two
    minutes, those of clients that stay where they are included; the weights while there were few.
    """

    mode: str
    uplinks: list[str]
    active: list[str]
    shares: dict[str, int]
    weights: dict[str, int]
    pinned: str | None


class TemporaryLimitStatus(TypedDict):
    """An operator's limit in one direction. `ends_in_s` is null where it ends by hand alone."""

    rate_bps: int
    ends_in_s: int | None


class DhcpServerStatus(TypedDict):
    """A DHCP server that is not ours: its hardware address, its address, one that it offers."""

    mac: str
    address: str
    offers: str


class RouterStatus(TypedDict):
    """An IPv6 router that is not ours: its hardware address ("" unknown) and link-local address."""

    mac: str
    address: str


class VlanStatus(TypedDict):
    """One VLAN, seen from its clients: upload is what they send. Guarantee 0: none is asked.

    `short_*` is what the uplinks that work lack of the guarantee, 0 where it is whole. `limit` has
    the keys "upload" and "download"; it is null where no operator has set one.
    """

    interface: str
    policy: str
    upload_bps: int
    download_bps: int
    guaranteed_upload_bps: int
    guaranteed_download_bps: int
    short_upload_bps: int
    short_download_bps: int
    reason: str
    """Why its clients cannot be reached: its port or trunk is gone, or has no carrier; else ""."""
    reason_data: MessageDocument | None
    limit: dict[str, TemporaryLimitStatus | None] | None
    other_dhcp_servers: list[DhcpServerStatus]
    bound: str | None
    """"near" or "at": how much its clients hold of the connections that they may hold together."""
    bound_clients: list[BoundClientStatus]
    """Its clients that are at their own bound, or near it: 20 at most."""
    other_routers: list[RouterStatus]


class KernelStatus(TypedDict):
    """`verified` is false from a change that was refused, or read back wrong, until it is mended.

    `since` (RFC 3339, UTC) is when that began; `reason` is null while the kernel is verified.
    """

    verified: bool
    since: str
    reason: str | None
    reason_data: NotRequired[PhraseDocument]


class DnsmasqStatus(TypedDict):
    """`state` is running, stopped (and wanted), missing (not installed), or unwanted."""

    state: str
    pid: int | None
    pools: dict[str, PoolUsage]


class Status(TypedDict):
    """The whole document. `applied` says whether the kernel holds anything of ours at all.

    `rejected_file`: the file on disk was rolled back, so another configuration is in force.
    `unapplied_file`: the file on disk is not the one that is in force, for whatever reason. The
    whole document is about the one in force; where nothing is applied, about the file.
    `timezone` is the name of the file's zone, null where times are those of the machine's zone.
    `services` are the programs beside the kernel: "dnsmasq".
    """

    gateway: str
    daemon: bool
    applied: bool
    config_digest: str
    pending_confirm_s: int | None
    kernel: KernelStatus
    rejected_file: bool
    unapplied_file: bool
    uplinks: dict[str, UplinkStatus]
    policies: dict[str, PolicyStatus]
    vlans: dict[str, VlanStatus]
    timezone: str | None
    services: dict[str, DnsmasqStatus]
