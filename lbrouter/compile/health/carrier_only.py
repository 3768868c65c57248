"""Health without a daemon that probes: from interfaces, carriers and addresses alone."""

from collections.abc import Iterator

from lbrouter.compile.routing.uplink_addressing import has_nexthop
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.facts import Facts, InterfaceFacts
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily


def health_without_daemon(config: Config, facts: Facts) -> GatewayHealth:
    """Each uplink judged by its interface, its carrier and its address alone."""
    return GatewayHealth(
        uplinks={name: _uplink_health(uplink, facts) for name, uplink in config.uplinks.items()}
    )


def _uplink_health(uplink: Uplink, facts: Facts) -> UplinkHealth:
    found = facts.interfaces.get(uplink.interface)
    if found is not None and found.up and not found.carrier and not uplink.is_lane:
        reason = f"no carrier on {uplink.interface}"
        return UplinkHealth(state=UplinkState.DOWN, reason=reason, alive=False)
    if not is_ready(uplink, facts):
        return _waiting_health(no_nexthop_reason(uplink, facts))
    # An interface that is still administratively down has no carrier to show: `apply` raises it.
    return UplinkHealth(state=UplinkState.UP, reason="carrier; not probed, no daemon runs")


def is_ready(uplink: Uplink, facts: Facts) -> bool:
    """Whether an uplink has an address and a next hop; a lane, a handshake with its relay too."""
    if uplink.is_lane and not (uplink.name in facts.lanes and facts.lanes[uplink.name].connected):
        return False
    return any(has_nexthop(uplink, family, facts) for family in AddressFamily)


def no_nexthop_reason(uplink: Uplink, facts: Facts) -> str:
    """Why an uplink has no next hop, in words for a technician."""
    if uplink.is_lane:
        return lane_waiting_reason(uplink, facts)
    found, name = facts.interfaces.get(uplink.interface), uplink.interface
    if found is None:
        return f"interface {name} is not there"
    if uplink.addressing is Addressing.EXTERNAL:
        return _external_missing_reason(name, found)
    unknown = f"no address yet ({uplink.addressing.value}) on {name}"
    if uplink.address is None:
        unknown = f"no router advertises an address on {name}"
    elif uplink.addressing is Addressing.DHCP:
        unknown = f"no DHCP lease on {name}: the daemon asks for one (lbrouter run)"
    return facts.no_address_reasons.get(uplink.name, unknown)


def lane_waiting_reason(lane: Uplink, facts: Facts) -> str:
    """Why a lane is not used yet."""
    known = facts.lanes.get(lane.name)
    if known is None:
        unknown = f"its keys are not read yet (lbrouter relay setup {lane.name})"
        return facts.no_address_reasons.get(lane.name, unknown)
    if known.handshake_age_s is None:
        return f"no handshake with the relay {known.relay_address} yet"
    age_s = round(known.handshake_age_s)
    return f"no handshake with the relay {known.relay_address} for {age_s} s"


def missing_lease_warnings(config: Config, facts: Facts) -> Iterator[str]:
    """A sentence for each uplink that waits for a lease, which only `run` fetches."""
    for name, uplink in config.uplinks.items():
        if uplink.addressing is Addressing.DHCP and name not in facts.leases:
            yield f"uplinks.{name} has no DHCP lease yet: the daemon asks for one (lbrouter run)"


def _external_missing_reason(name: str, found: InterfaceFacts) -> str:
    """What the system has not configured yet on an external uplink."""
    if any(not address.ip.is_link_local for address in found.addresses):
        return f"no default gateway by {name} (external): ip route show default dev {name}"
    return f"no address on {name} (external): the system has configured none"


def _waiting_health(reason: str) -> UplinkHealth:
    return UplinkHealth(state=UplinkState.WAITING, reason=reason, alive=False)
