"""Health without a daemon that probes: carriers and addresses, and what one knew before."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from lbrouter.compile.health.family_targets import uplink_families
from lbrouter.compile.health.outputs import current_health
from lbrouter.compile.health.reasons import duration_text
from lbrouter.compile.health.state import HealthState
from lbrouter.compile.routing.uplink_addressing import has_nexthop
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.facts import Facts, InterfaceFacts
from lbrouter.model.health import FamilyHealth, GatewayHealth, ReasonCode, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily

KNOWN_IMPAIRED_STATES: Final = (UplinkState.DOWN, UplinkState.DEGRADED, UplinkState.DRAINED)
"""What was known so is taken for so, where the carrier alone would say up."""


def health_without_daemon(config: Config, facts: Facts) -> GatewayHealth:
    """Each uplink judged by its interface, its carrier and its address alone."""
    return GatewayHealth(
        uplinks={name: _uplink_health(uplink, facts) for name, uplink in config.uplinks.items()}
    )


def _uplink_health(uplink: Uplink, facts: Facts) -> UplinkHealth:
    found, name = facts.interfaces.get(uplink.interface), uplink.interface
    if found is not None and found.up and not found.carrier and not uplink.is_lane:
        return UplinkHealth(
            state=UplinkState.DOWN,
            reason=f"no carrier on {name}",
            reason_code=ReasonCode.NO_CARRIER,
            alive=False,
            carrier=False,
        )
    able = [each for each in AddressFamily if has_nexthop(uplink, each, facts)]
    wanted = uplink_families(uplink)
    if uplink.addressing is Addressing.EXTERNAL:  # the system decides which families there are
        wanted = tuple(able) or (AddressFamily.V4,)
    families = {family: _family_by_carrier(uplink, family, facts) for family in wanted}
    best = min(families.values(), key=lambda each: each.state is not UplinkState.UP)
    return UplinkHealth(
        state=best.state,
        reason=best.reason,
        reason_code=best.reason_code,
        alive=best.alive,
        carrier=found is not None,
        families=families,
    )


def _family_by_carrier(uplink: Uplink, family: AddressFamily, facts: Facts) -> FamilyHealth:
    if not is_ready(uplink, facts, family):
        there = uplink.interface in facts.interfaces
        return FamilyHealth(
            state=UplinkState.WAITING,
            reason=no_nexthop_reason(uplink, facts, family),
            reason_code=ReasonCode.NO_ADDRESS if there else ReasonCode.NO_INTERFACE,
            alive=False,
        )
    # An interface that is still administratively down has no carrier to show: `apply` raises it.
    return FamilyHealth(
        state=UplinkState.UP,
        reason="carrier; not probed, no daemon runs",
        reason_code=ReasonCode.NOT_PROBED,
    )


def with_last_known(found: GatewayHealth, state: HealthState, age_s: float) -> GatewayHealth:
    """`found`, by carriers alone, with what `state` knew of impaired lines `age_s` seconds ago."""
    before = current_health(state, state.config)
    uplinks = {
        name: _merged_uplink(each, before.uplinks[name], age_s)
        for name, each in found.uplinks.items()
    }
    return replace(found, uplinks=uplinks)


def _merged_uplink(found: UplinkHealth, before: UplinkHealth, age_s: float) -> UplinkHealth:
    """An uplink with carrier and address is what it was; one without them is what is seen now."""
    families = {
        family: _merged_family(each, before.of(family), age_s)
        for family, each in found.families.items()
    }
    own = _merged_family(found.of_itself, before.of_itself, age_s)
    return replace(
        found,
        state=own.state,
        reason=own.reason,
        reason_code=own.reason_code,
        excluded_policies=own.excluded_policies,
        alive=own.alive,
        badness=own.badness,
        drained=before.drained,
        move_flows=before.move_flows,
        families=families,
    )


def _merged_family(found: FamilyHealth, before: FamilyHealth, age_s: float) -> FamilyHealth:
    if found.state is not UplinkState.UP or before.state not in KNOWN_IMPAIRED_STATES:
        return found
    ago = f"{before.reason} ({duration_text(age_s)} ago; no daemon runs)"
    return replace(before, reason=ago)


def is_ready(uplink: Uplink, facts: Facts, family: AddressFamily) -> bool:
    """Whether an uplink has an address and a next hop; a lane, a handshake with its relay too."""
    if uplink.is_lane and not (uplink.name in facts.lanes and facts.lanes[uplink.name].connected):
        return False
    return has_nexthop(uplink, family, facts)


def no_nexthop_reason(
    uplink: Uplink, facts: Facts, family: AddressFamily = AddressFamily.V4
) -> str:
    """Why an uplink has no next hop in `family`, in words for a technician."""
    if uplink.is_lane:
        return lane_waiting_reason(uplink, facts)
    found, name = facts.interfaces.get(uplink.interface), uplink.interface
    if found is None:
        return f"interface {name} is not there"
    if uplink.addressing is Addressing.EXTERNAL:
        return _external_missing_reason(name, found)
    if family is AddressFamily.V6:
        return f"no router advertises an address on {name}"
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
