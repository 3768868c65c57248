"""Health from a first look: what can be said of the uplinks with no daemon to probe them."""

from lbrouter.compile.ports import lack, offers
from lbrouter.model.config import Config, Uplink
from lbrouter.model.health import Health, UplinkHealth, UplinkState
from lbrouter.model.machine import Facts
from lbrouter.model.state import Family


def first_look(config: Config, facts: Facts) -> Health:
    """Each uplink judged by its interface, its carrier and its address alone."""
    return Health(uplinks={name: _look(uplink, facts) for name, uplink in config.uplinks.items()})


def _look(uplink: Uplink, facts: Facts) -> UplinkHealth:
    found = facts.interfaces.get(uplink.interface)
    if found is not None and found.up and not found.carrier:
        reason = f"no carrier on {uplink.interface}"
        return UplinkHealth(state=UplinkState.DOWN, reason=reason, alive=False)
    if not any(offers(uplink, family, facts) for family in Family):
        return _waiting(lack(uplink, facts))
    # An interface that is still administratively down has no carrier to show: `apply` raises it.
    return UplinkHealth(state=UplinkState.UP, reason="carrier; not probed, no daemon runs")


def _waiting(reason: str) -> UplinkHealth:
    return UplinkHealth(state=UplinkState.WAITING, reason=reason, alive=False)
