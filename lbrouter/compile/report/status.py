"""The document of `lbrouter status --json`: pure, from what was read elsewhere.

Every key of the contract is always there; what was not measured is null.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict

from lbrouter.compile.firewall.boot_guard import is_guard_table
from lbrouter.compile.report.lane_status import LaneLineStatus, lane_status, second_line_warning
from lbrouter.compile.routing.balance import apportion, select_uplinks
from lbrouter.compile.routing.lan_links import vlan_unreachable_reason
from lbrouter.compile.routing.uplink_addressing import uplink_nexthop
from lbrouter.compile.shaping.build import guarantee_shortfalls
from lbrouter.model.config import Config, Policy, Uplink, Vlan
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import AddressFamily, KernelState
from lbrouter.model.reserved_ids import uplink_table
from lbrouter.model.units import Rate


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


class UplinkStatus(TypedDict):
    """One uplink. `rtt_ms`, `jitter_ms`, `loss_percent` are null without a daemon that probes.

    `since` (RFC 3339, UTC) is the time of the observation if no daemon saw the change.
    """

    state: str
    reason: str
    since: str
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
    over: NotRequired[dict[str, LaneLineStatus]]
    """Of a lane alone, as the next two: each of its lines."""
    handshake_age_s: NotRequired[float | None]
    relay: NotRequired[str | None]


class PolicyStatus(TypedDict):
    """One policy: the uplinks that new flows take, and their shares in percent (sum 100).

    `uplinks` are all that it may take, in the order of the file: the first is the first choice.
    """

    mode: str
    uplinks: list[str]
    active: list[str]
    shares: dict[str, int]
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
    limit: dict[str, TemporaryLimitStatus | None] | None
    other_dhcp_servers: list[DhcpServerStatus]


class Status(TypedDict):
    """The whole document. `applied` says whether the kernel holds anything of ours at all."""

    gateway: str
    daemon: bool
    applied: bool
    config_digest: str
    pending_confirm_s: int | None
    uplinks: dict[str, UplinkStatus]
    policies: dict[str, PolicyStatus]
    vlans: dict[str, VlanStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusInputs:
    """Everything that the document is made from, beside the configuration itself.

    `config_digest` is "sha256:" and the hexadecimal digest of the file's bytes, `observed_at` is
    RFC 3339 in UTC.
    """

    allocation: Allocation
    facts: Facts
    observed: KernelState
    health: GatewayHealth
    measured: TrafficMeasurements
    config_digest: str
    observed_at: str


def status_document(config: Config, inputs: StatusInputs) -> Status:
    """The document, without a daemon."""
    return {
        "gateway": config.gateway.name,
        "daemon": False,
        "applied": _is_applied(inputs.observed),
        "config_digest": inputs.config_digest,
        "pending_confirm_s": None,
        "uplinks": {
            name: _lane_or_line_status(config, uplink, inputs)
            for name, uplink in config.uplinks.items()
        },
        "policies": {
            name: _policy_status(config, policy, inputs) for name, policy in config.policies.items()
        },
        "vlans": _vlan_statuses(config, inputs),
    }


def _is_applied(observed: KernelState) -> bool:
    """Whether a table of ours forwards: the closed table of the early boot does not count."""
    return observed.nft is not None and not is_guard_table(observed.nft)


def percentages(weights: Mapping[str, int]) -> dict[str, int]:
    """Weights as whole percent that add up to 100 (largest remainder); empty without weights."""
    if not weights:
        return {}
    return dict(zip(weights, apportion(list(weights.values()), 100), strict=True))


def _lane_or_line_status(config: Config, uplink: Uplink, inputs: StatusInputs) -> UplinkStatus:
    found = _uplink_status(uplink, inputs)
    if not uplink.is_lane:
        return found
    own = lane_status(config, uplink, inputs.health, inputs.facts)
    alone = second_line_warning(config, uplink, inputs.health, inputs.facts)
    found["over"], found["relay"] = own["over"], own["relay"]
    found["handshake_age_s"] = own["handshake_age_s"]
    found["reason"] = "; ".join(filter(None, (found["reason"], alone)))
    return found


def _uplink_status(uplink: Uplink, inputs: StatusInputs) -> UplinkStatus:
    health = inputs.health.uplinks[uplink.name]
    traffic = inputs.measured.traffic.get(uplink.device, InterfaceTraffic())
    number = inputs.allocation.uplinks[uplink.name]
    counts = inputs.measured.connections
    return {
        "state": str(health.state),
        "reason": health.reason,
        "since": inputs.observed_at,
        "interface": uplink.interface,
        "address": _address(uplink, AddressFamily.V4, inputs.facts),
        "gateway": _gateway(uplink, AddressFamily.V4, inputs.facts),
        "address6": _address(uplink, AddressFamily.V6, inputs.facts),
        "gateway6": _gateway(uplink, AddressFamily.V6, inputs.facts),
        "rtt_ms": None,
        "jitter_ms": None,
        "loss_percent": None,
        "upload_bps": traffic.sent_bps,
        "download_bps": traffic.received_bps,
        "upload_capacity_bps": _rate_bps(uplink.upload),
        "download_capacity_bps": _rate_bps(uplink.download),
        "connections": None if counts is None else counts.get(number, 0),
        "number": number,
        "table": uplink_table(number),
    }


def _address(uplink: Uplink, family: AddressFamily, facts: Facts) -> str | None:
    """The address in use; that of the file while there is no interface to carry it."""
    way = uplink_nexthop(uplink, family, facts)
    static = uplink.static4 if family is AddressFamily.V4 else uplink.static6
    found = static if way is None else way.address
    return None if found is None else str(found)


def _gateway(uplink: Uplink, family: AddressFamily, facts: Facts) -> str | None:
    way = uplink_nexthop(uplink, family, facts)
    named = uplink.gateway if family is AddressFamily.V4 else uplink.gateway6
    found = named if way is None else way.gateway
    return None if found is None else str(found)


def _policy_status(config: Config, policy: Policy, inputs: StatusInputs) -> PolicyStatus:
    """Shares of IPv4, or of IPv6 where no uplink of the policy speaks IPv4."""
    weights: dict[str, int] = {}
    for family in (AddressFamily.V4, AddressFamily.V6):
        shares = select_uplinks(config, policy, inputs.health, family, inputs.facts)
        weights = weights or {share.uplink: share.weight for share in shares}
    return {
        "mode": str(policy.mode),
        "uplinks": list(policy.uplinks),
        "active": list(weights),
        "shares": percentages(weights),
        "pinned": inputs.health.pins.get(policy.name),
    }


def _rate_bps(rate: Rate | None) -> int | None:
    return None if rate is None else int(rate)


def _vlan_statuses(config: Config, inputs: StatusInputs) -> dict[str, VlanStatus]:
    missing = {
        (each.vlan, each.direction): each.guaranteed - each.granted
        for each in guarantee_shortfalls(
            config, allocation=inputs.allocation, health=inputs.health, facts=inputs.facts
        )
    }
    return {
        name: _vlan_status(config, vlan, inputs, missing) for name, vlan in config.vlans.items()
    }


def _vlan_status(
    config: Config, vlan: Vlan, inputs: StatusInputs, shortfalls: Mapping[tuple[str, str], int]
) -> VlanStatus:
    device = config.vlan_device(vlan)
    traffic = inputs.measured.traffic.get(device, InterfaceTraffic())
    return {
        "interface": device,
        "policy": vlan.policy,
        "upload_bps": traffic.received_bps,
        "download_bps": traffic.sent_bps,
        "guaranteed_upload_bps": 0 if vlan.upload is None else int(vlan.upload.guaranteed),
        "guaranteed_download_bps": 0 if vlan.download is None else int(vlan.download.guaranteed),
        "short_upload_bps": shortfalls.get((vlan.name, "upload"), 0),
        "short_download_bps": shortfalls.get((vlan.name, "download"), 0),
        "reason": vlan_unreachable_reason(config, vlan, inputs.facts),
        "limit": None,
        "other_dhcp_servers": [],
    }
