"""Adapts the lanes of a configuration to the venue: relays of the lab's own, or none. Pure."""

from ipaddress import IPv4Address

from lbrouter.model.config import Config, Policy, Uplink
from lbrouter.model.errors import UnavailableError
from lbrouter.model.kernel_state import IpNetwork
from lbrouter.model.sections.lanes import RelayEndpoint

LAB_RELAYS = ("45.77.0.0", "46.77.0.0")
"""Addresses of relays that the file names by a name, or that stand in a network of its own: 1, 2,
... of the first that the file does not use. Plain global unicast, in the lab's namespaces alone."""


def without_lanes(config: Config, reason: str) -> tuple[Config, list[str]]:
    """The configuration as if there were no relay; raises UnavailableError where nothing is left
    of a policy.
    """
    lanes = {lane.name for lane in config.lanes()}
    if not lanes:
        return config, []
    policies = {name: _without(policy, lanes) for name, policy in config.policies.items()}
    empty = [name for name, policy in policies.items() if not policy.uplinks]
    if empty:
        raise UnavailableError(
            f"the policy {empty[0]} has a lane alone, which cannot be rehearsed here: {reason}",
            remedy="install wireguard-tools and wireguard-go, or name a line after the lane",
        )
    uplinks = {name: uplink for name, uplink in config.uplinks.items() if name not in lanes}
    copy = config.model_copy(update={"uplinks": uplinks, "policies": policies})
    names = ", ".join(sorted(lanes))
    return copy, [f"uplinks.{names}: the lane is not rehearsed: {reason}"]


def _without(policy: Policy, lanes: set[str]) -> Policy:
    rest = tuple(name for name in policy.uplinks if name not in lanes)
    change: dict[str, object] = {"uplinks": rest}
    if policy.weights is not None:
        change["weights"] = {n: w for n, w in policy.weights.items() if n not in lanes}
    return policy.model_copy(update=change)


def with_lab_relay(lane: Uplink, number: int, taken: list[IpNetwork]) -> tuple[Uplink, list[str]]:
    """The lane with a relay that has an address, and the keys that `relay setup` makes."""
    assert lane.relay is not None
    address = lane.relay.address
    notes = [f"uplinks.{lane.name}: the rehearsed relay has keys of its own"]
    if address is None or any(address in network for network in taken):
        proposed = (IPv4Address(base) + number for base in LAB_RELAYS)
        address = next(ip for ip in proposed if not any(ip in network for network in taken))
        notes.append(f"uplinks.{lane.name}: the relay {lane.relay.host} is rehearsed as {address}")
    relay = RelayEndpoint(host=str(address), port=lane.relay.port)
    change = {"relay": relay, "relay_key": None, "key_file": None}
    return lane.model_copy(update=change), notes
