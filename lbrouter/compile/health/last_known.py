"""Health without a daemon, where one ran a short time ago: the carriers, and what it knew."""

from dataclasses import replace

from lbrouter.compile.health.outputs import current_health
from lbrouter.compile.health.reasons import duration_text
from lbrouter.compile.health.state import HealthState
from lbrouter.model.health import FamilyHealth, GatewayHealth, UplinkHealth, UplinkState

IMPAIRED_STATES = (UplinkState.DOWN, UplinkState.DEGRADED, UplinkState.DRAINED)


def with_last_known(found: GatewayHealth, state: HealthState, age_s: float) -> GatewayHealth:
    """`found`, by carriers alone, with what `state` knew of impaired lines `age_s` seconds ago."""
    before = current_health(state, state.config)
    uplinks = {
        name: _merged(each, before.uplinks[name], age_s) for name, each in found.uplinks.items()
    }
    return replace(found, uplinks=uplinks)


def _merged(found: UplinkHealth, before: UplinkHealth, age_s: float) -> UplinkHealth:
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
    if found.state is not UplinkState.UP or before.state not in IMPAIRED_STATES:
        return found
    ago = f"{before.reason} ({duration_text(age_s)} ago; no daemon runs)"
    return replace(before, reason=ago)
