"""Health from a first look: what can be said of the uplinks with no daemon to probe them."""

from collections.abc import Iterator

from lbrouter.compile.routing.uplink_addressing import offers
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.facts import Facts, InterfaceFacts
from lbrouter.model.health import Health, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import Family


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


def lack(uplink: Uplink, facts: Facts) -> str:
    """Why an uplink has no way out, in words for a technician."""
    found, name = facts.interfaces.get(uplink.interface), uplink.interface
    if found is None:
        return f"interface {name} is not there"
    if uplink.addressing is Addressing.EXTERNAL:
        return _unfinished(name, found)
    unknown = f"no address yet ({uplink.addressing.value}) on {name}"
    if uplink.address is None:
        unknown = f"no router advertises an address on {name}"
    elif uplink.addressing is Addressing.DHCP:
        unknown = f"no DHCP lease on {name}: the daemon asks for one (lbrouter run)"
    return facts.lacks.get(uplink.name, unknown)


def leaseless(config: Config, facts: Facts) -> Iterator[str]:
    """A sentence for each uplink that waits for a lease, which no verb but `run` fetches."""
    for name, uplink in config.uplinks.items():
        if uplink.addressing is Addressing.DHCP and name not in facts.leases:
            yield f"uplinks.{name} has no DHCP lease yet: the daemon asks for one (lbrouter run)"


def _unfinished(name: str, found: InterfaceFacts) -> str:
    """What the system has not configured yet on an external uplink."""
    if any(not address.ip.is_link_local for address in found.addresses):
        return f"no default gateway by {name} (external): ip route show default dev {name}"
    return f"no address on {name} (external): the system has configured none"


def _waiting(reason: str) -> UplinkHealth:
    return UplinkHealth(state=UplinkState.WAITING, reason=reason, alive=False)
