"""The document of `lbrouter status --json`: pure, from what was read elsewhere.

Every key of the contract is always there; what was not measured is null.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lbrouter.compile.firewall.boot_guard import is_guard_table
from lbrouter.compile.report.clock import zone_key
from lbrouter.compile.report.lane_status import lane_status, second_line_warning
from lbrouter.compile.report.policy_shares import observed_shares, percentages, policy_weights
from lbrouter.compile.report.status_types import (
    AdvertisedStatus,
    InterfaceTraffic,
    PolicyStatus,
    Status,
    TrafficMeasurements,
    UplinkStatus,
    VlanStatus,
)
from lbrouter.compile.routing.lan_links import vlan_unreachable_reason
from lbrouter.compile.routing.uplink_addressing import uplink_nexthop
from lbrouter.compile.shaping.guarantees import Shortfall
from lbrouter.model.config import Config, Policy, Uplink, Vlan
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import AddressFamily, KernelState
from lbrouter.model.lease import AdvertisedLine
from lbrouter.model.messages.codes import TextCode
from lbrouter.model.messages.message import Message, joined, message
from lbrouter.model.reserved_ids import uplink_table
from lbrouter.model.units import Rate


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
    shortfalls: tuple[Shortfall, ...]
    """Of the shaping plan that the kernel's classes are made by."""
    measured: TrafficMeasurements
    config_digest: str
    observed_at: str
    new_flows: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """New flows of sticky policies since their uplinks changed, two minutes at most, by uplink
    number; empty without a daemon."""


def status_document(config: Config, inputs: StatusInputs) -> Status:
    """The document, without a daemon."""
    missing = {
        (each.vlan, each.direction): each.guaranteed - each.granted for each in inputs.shortfalls
    }
    return {
        "gateway": config.gateway.name,
        "daemon": False,
        # The closed table of the early boot does not forward.
        "applied": inputs.observed.nft is not None and not is_guard_table(inputs.observed.nft),
        "config_digest": inputs.config_digest,
        "pending_confirm_s": None,
        "kernel": {"verified": True, "since": inputs.observed_at, "reason": None},
        "rejected_file": False,
        "unapplied_file": False,
        "uplinks": {
            name: _lane_or_line_status(config, uplink, inputs)
            for name, uplink in config.uplinks.items()
        },
        "policies": {
            name: _policy_status(config, policy, inputs) for name, policy in config.policies.items()
        },
        "vlans": {
            name: _vlan_status(config, vlan, inputs, missing) for name, vlan in config.vlans.items()
        },
        "timezone": zone_key(config.gateway.timezone),
        "services": {},
    }


def _lane_or_line_status(config: Config, uplink: Uplink, inputs: StatusInputs) -> UplinkStatus:
    found = _uplink_status(uplink, inputs)
    if not uplink.is_lane:
        _add_missing_ipv6(found, uplink, inputs)
        return found
    own = lane_status(config, uplink, inputs.health, inputs.facts)
    alone = second_line_warning(config, uplink, inputs.health, inputs.facts)
    why = inputs.health.uplinks[uplink.name].why
    found["over"], found["relay"] = own["over"], own["relay"]
    found["handshake_age_s"] = own["handshake_age_s"]
    if alone is not None:
        set_reason(found, joined([why, alone] if why else [alone]))
    return found


def _add_missing_ipv6(found: UplinkStatus, uplink: Uplink, inputs: StatusInputs) -> None:
    """Of a line that works by IPv4, also why its routers give it no IPv6 address."""
    line, why = inputs.facts.advertised.get(uplink.name), inputs.health.uplinks[uplink.name].why
    if uplink.address is not None and line is not None and line.lacks is not None:
        lacks = message(TextCode.FAMILY, family="IPv6", reason=line.lacks)
        set_reason(found, joined([why, lacks]))


def set_reason(uplink: UplinkStatus, why: Message) -> None:
    """Another reason for an uplink; `reason_code` stays, which names its state."""
    uplink["reason"], uplink["reason_data"] = str(why), why.as_json()


def _uplink_status(uplink: Uplink, inputs: StatusInputs) -> UplinkStatus:
    health = inputs.health.uplinks[uplink.name]
    traffic = inputs.measured.traffic.get(uplink.device, InterfaceTraffic())
    number = inputs.allocation.uplinks[uplink.name]
    counts = inputs.measured.connections
    return {
        "state": str(health.state),
        "reason": health.reason,
        "reason_code": health.reason_code,
        "reason_data": health.why.as_json(),
        "since": inputs.observed_at,
        "families": {
            f"ipv{family.version}": {
                "state": str(each.state),
                "reason": each.reason,
                "reason_code": each.reason_code,
                "reason_data": each.why.as_json(),
            }
            for family, each in health.families.items()
        },
        "interface": uplink.shown_interface,
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
        "advertised": _advertised(inputs.facts.advertised.get(uplink.name)),
    }


def _advertised(line: AdvertisedLine | None) -> AdvertisedStatus | None:
    if line is None:
        return None
    return {
        "router": None if line.router is None else str(line.router),
        "managed": line.managed,
        "other": line.other,
        "dns": [str(server) for server in line.dns],
        "routers": line.routers,
        "refused": [str(why) for why in line.refused],
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
    weights = policy_weights(config, policy, inputs.health, inputs.facts)
    numbers = {name: inputs.allocation.uplinks[name] for name in weights}
    wanted = percentages(weights)
    return {
        "mode": str(policy.mode),
        "uplinks": list(policy.uplinks),
        "active": list(weights),
        "shares": observed_shares(inputs.new_flows.get(policy.name, {}), numbers) or wanted,
        "weights": wanted,
        "pinned": inputs.health.pins.get(policy.name),
    }


def _rate_bps(rate: Rate | None) -> int | None:
    return None if rate is None else int(rate)


def _vlan_status(
    config: Config, vlan: Vlan, inputs: StatusInputs, shortfalls: Mapping[tuple[str, str], int]
) -> VlanStatus:
    device = config.vlan_device(vlan)
    traffic = inputs.measured.traffic.get(device, InterfaceTraffic())
    why = vlan_unreachable_reason(config, vlan, inputs.facts)
    return {
        "interface": device,
        "policy": vlan.policy,
        "upload_bps": traffic.received_bps,
        "download_bps": traffic.sent_bps,
        "guaranteed_upload_bps": 0 if vlan.upload is None else int(vlan.upload.guaranteed),
        "guaranteed_download_bps": 0 if vlan.download is None else int(vlan.download.guaranteed),
        "short_upload_bps": shortfalls.get((vlan.name, "upload"), 0),
        "short_download_bps": shortfalls.get((vlan.name, "download"), 0),
        "reason": str(why or ""),
        "reason_data": None if why is None else why.as_json(),
        "limit": None,
        "other_dhcp_servers": [],
        "bound": None,
        "bound_clients": [],
        "other_routers": [],
    }
