"""Health from a first look: what can be said of the uplinks with no daemon to probe them."""

from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.health import Health, UplinkHealth, UplinkState
from lbrouter.model.machine import Facts, InterfaceFacts


def first_look(config: Config, facts: Facts) -> Health:
    """Each uplink judged by its interface, its carrier and its address alone."""
    return Health(
        uplinks={
            name: _look(uplink, facts.interfaces.get(uplink.interface))
            for name, uplink in config.uplinks.items()
        }
    )


def _look(uplink: Uplink, found: InterfaceFacts | None) -> UplinkHealth:
    if found is None:
        return _waiting(f"interface {uplink.interface} is not there")
    if found.up and not found.carrier:
        reason = f"no carrier on {uplink.interface}"
        return UplinkHealth(state=UplinkState.DOWN, reason=reason, alive=False)
    if not _addressed(uplink, found):
        return _waiting(f"no address yet ({uplink.addressing.value}) on {uplink.interface}")
    # An interface that is still administratively down has no carrier to show: `apply` raises it.
    return UplinkHealth(state=UplinkState.UP, reason="carrier; not probed, no daemon runs")


def _addressed(uplink: Uplink, found: InterfaceFacts) -> bool:
    if uplink.addressing is Addressing.STATIC or uplink.static6 is not None:
        return True
    return uplink.addressing is Addressing.EXTERNAL and bool(found.gateways)


def _waiting(reason: str) -> UplinkHealth:
    return UplinkHealth(state=UplinkState.WAITING, reason=reason, alive=False)
