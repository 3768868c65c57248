"""Three lines, a policy of each kind, and what the elements say of living flows there."""

from dataclasses import replace
from ipaddress import ip_address

from lbrouter.compile.firewall.elements import elements
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.facts import Allocation
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily, NftElements
from lbrouter.model.messages.message import told
from lbrouter.model.reserved_ids import uplink_mark
from tests.kit.builders import config_of, facts_of

THREE_LINES = """
[gateway]
name = "three"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
address6 = "2001:db8:1::2/64"
gateway6 = "2001:db8:1::1"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
metered = true

[uplinks.dsl]
interface = "wan3"
address = "192.0.2.2/30"
gateway = "192.0.2.1"
address6 = "2001:db8:3::2/64"
gateway6 = "2001:db8:3::1"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
address6 = "fd10:10::1/64"
policy = "show"

[vlans.guests]
port = "lan2"
address = "10.10.40.1/22"
address6 = "fd10:40::1/64"
policy = "spread"

[vlans.desk]
port = "lan3"
address = "10.10.99.1/24"
address6 = "fd10:99::1/64"
policy = "alone"

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte", "dsl"]
tolerate = { loss = "2%" }
living = "move"

[policies.spread]
mode = "balance"
weights = { fiber = 70, lte = 30, dsl = 10 }

[policies.alone]
mode = "failover"
uplinks = ["fiber"]
"""

CONFIG = config_of(THREE_LINES)
ALLOCATION = allocate(CONFIG, Allocation())
BARE_FACTS = facts_of(CONFIG)
V4, V6 = AddressFamily.V4, AddressFamily.V6
UP, DEGRADED, DOWN = UplinkState.UP, UplinkState.DEGRADED, UplinkState.DOWN
HEARD = [
    ("wan1", ip_address("203.0.113.1")),
    ("wan2", ip_address("198.51.100.1")),
    ("wan3", ip_address("192.0.2.1")),
    ("wan1", ip_address("2001:db8:1::1")),
]
POLICY_VLANS = {"show": "stream", "spread": "guests", "alone": "desk"}


def line(state: UplinkState = UP, **more: object) -> UplinkHealth:
    return replace(UplinkHealth(state=state, why=told("")), **more)


def dead_line() -> UplinkHealth:
    return line(DOWN, alive=False)


def health(**lines: UplinkHealth) -> GatewayHealth:
    return GatewayHealth(uplinks={name: lines.get(name, line()) for name in CONFIG.uplinks})


def found(known: GatewayHealth) -> dict[str, NftElements]:
    return elements(CONFIG, allocation=ALLOCATION, health=known, facts=BARE_FACTS)


def key(family: AddressFamily, uplink: str) -> str:
    return f"ipv{family.version} . {uplink_mark(ALLOCATION.uplinks[uplink])}"


def moved(elements: dict[str, NftElements], policy: str, family: AddressFamily = V4) -> set[str]:
    """Uplinks whose living flows of `policy` move, as a packet would see it."""
    verdicts = dict(elements["vlan_mark_verdict"])
    kept = {each for each, _ in elements[f"kept_{policy}"]}
    return {
        name
        for name in CONFIG.uplinks
        if verdicts[key(family, name)].startswith("jump move_flows_")
        and key(family, name) not in kept
    }
