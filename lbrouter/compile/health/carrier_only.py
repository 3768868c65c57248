"""Health without a daemon that probes: carriers and addresses, and what one knew before."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

from lbrouter.compile.health.family_targets import uplink_families
from lbrouter.compile.health.outputs import current_health
from lbrouter.compile.health.reasons import no_address
from lbrouter.compile.health.state import HealthState
from lbrouter.compile.routing.interface_choices import missing_interface_reason, named_ports
from lbrouter.compile.routing.uplink_addressing import has_nexthop
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.facts import Facts
from lbrouter.model.health import FamilyHealth, GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.lease import AdvertisedLine
from lbrouter.model.messages.codes import AddressCode, ReasonCode
from lbrouter.model.messages.message import Message, message
from lbrouter.model.messages.phrase import phrase

KNOWN_IMPAIRED_STATES: Final = (UplinkState.DOWN, UplinkState.DEGRADED, UplinkState.DRAINED)
"""What was known so is taken for so, where the carrier alone would say up."""


def health_without_daemon(config: Config, facts: Facts) -> GatewayHealth:
    """Each uplink judged by its interface, its carrier and its address alone."""
    named = named_ports(config)
    return GatewayHealth(
        uplinks={n: _uplink_health(uplink, facts, named) for n, uplink in config.uplinks.items()}
    )


def _uplink_health(uplink: Uplink, facts: Facts, named: Collection[str]) -> UplinkHealth:
    found, name = facts.interfaces.get(uplink.interface), uplink.interface
    if found is not None and found.up and not found.carrier and not uplink.is_lane:
        return UplinkHealth(
            state=UplinkState.DOWN,
            why=message(ReasonCode.NO_CARRIER, interface=name),
            alive=False,
            carrier=False,
        )
    able = [each for each in AddressFamily if has_nexthop(uplink, each, facts)]
    wanted = uplink_families(uplink)
    if uplink.addressing is Addressing.EXTERNAL:  # the system decides which families there are
        wanted = tuple(able) or (AddressFamily.V4,)
    families = {each: _family_by_carrier(uplink, each, facts, named) for each in wanted}
    best = min(families.values(), key=lambda each: each.state is not UplinkState.UP)
    return UplinkHealth(
        state=best.state,
        why=best.why,
        alive=best.alive,
        carrier=found is not None,
        families=families,
    )


def _family_by_carrier(
    uplink: Uplink, family: AddressFamily, facts: Facts, named: Collection[str]
) -> FamilyHealth:
    if not is_ready(uplink, facts, family):
        why = no_address(no_nexthop_reason(uplink, facts, family, named=named))
        return FamilyHealth(state=UplinkState.WAITING, why=why, alive=False)
    # An interface that is still administratively down has no carrier to show: `apply` raises it.
    why = message(ReasonCode.NOT_PROBED, link="carrier")
    return FamilyHealth(state=UplinkState.UP, why=why)


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
        why=own.why,
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
    return replace(before, why=message(before.why.code, reason=before.why, age_s=age_s))


def is_ready(uplink: Uplink, facts: Facts, family: AddressFamily) -> bool:
    """Whether an uplink has an address and a next hop; a lane, a handshake with its relay too."""
    if uplink.is_lane and not (uplink.name in facts.lanes and facts.lanes[uplink.name].connected):
        return False
    return has_nexthop(uplink, family, facts)


def no_nexthop_reason(
    uplink: Uplink,
    facts: Facts,
    family: AddressFamily = AddressFamily.V4,
    *,
    named: Collection[str] | None = None,
) -> Message:
    """Why an uplink has no next hop in `family`.

    `named` are the ports that the file uses: where they are given, another one may be proposed.
    """
    if uplink.is_lane:
        return lane_waiting_reason(uplink, facts)
    found, name = facts.interfaces.get(uplink.interface), uplink.interface
    if found is None:
        return missing_interface_reason(
            uplink, facts.interfaces, facts.interfaces if named is None else named
        )
    if uplink.addressing is Addressing.EXTERNAL:
        # What the system has not configured yet on an external uplink.
        if any(not address.ip.is_link_local for address in found.addresses):
            return message(AddressCode.EXTERNAL_NO_GATEWAY, interface=name)
        return message(AddressCode.EXTERNAL_NO_ADDRESS, interface=name)
    if family is AddressFamily.V6 or uplink.address is None:
        if uplink.dhcp6:
            return _no_address6_reason(uplink, facts)
        line = facts.advertised.get(uplink.name, AdvertisedLine())
        return line.lacks or message(AddressCode.NO_ROUTER_ADVERTISEMENT, interface=name)
    unknown = message(ReasonCode.NO_ADDRESS, how=str(uplink.addressing), interface=name)
    if uplink.addressing is Addressing.DHCP:
        unknown = message(AddressCode.DHCP_NOT_ASKED, interface=name)
    return facts.no_address_reasons.get(uplink.name, unknown)


def _no_address6_reason(uplink: Uplink, facts: Facts) -> Message:
    """What a line by DHCPv6 lacks: the address, or the router."""
    if uplink.name in facts.leases6:
        return message(AddressCode.DHCP6_NO_ROUTER, interface=uplink.interface)
    unknown = message(AddressCode.DHCP6_NOT_ASKED, interface=uplink.interface)
    return facts.no_address6_reasons.get(uplink.name, unknown)


def lane_waiting_reason(lane: Uplink, facts: Facts) -> Message:
    """Why a lane is not used yet."""
    known = facts.lanes.get(lane.name)
    if known is None:
        unknown = message(AddressCode.LANE_NO_KEYS, lane=lane.name)
        return facts.no_address_reasons.get(lane.name, unknown)
    relay = str(known.relay_address)
    if known.handshake_age_s is None:
        return message(AddressCode.LANE_NO_HANDSHAKE, relay=relay)
    return message(AddressCode.LANE_NO_HANDSHAKE, relay=relay, age_s=round(known.handshake_age_s))


def missing_lease_warnings(config: Config, facts: Facts) -> Iterator[str]:
    """A sentence for each uplink that waits for a lease, which only `run` fetches."""
    for name, uplink in config.uplinks.items():
        if uplink.addressing is Addressing.DHCP and name not in facts.leases:
            yield phrase(
                "uplinks.{name} has no DHCP lease yet: the daemon asks for one (lbrouter run)",
                name=name,
            )
