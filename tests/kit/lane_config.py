"""A configuration with a lane over two lines, and the facts of a machine that can set it up."""

from dataclasses import replace
from ipaddress import IPv4Address

from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import desired_state
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.lane import LaneFacts, LaneKeys
from tests.kit.builders import config_of, facts_of, health_of

LANE_TEXT = """
[gateway]
name = "lane"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
upload = "50mbit"
download = "100mbit"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
upload = "20mbit"
download = "40mbit"

[uplinks.lane]
address = "lane"
over = ["fiber", "lte"]
relay = "192.0.2.7:51820"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "show"
priority = 1
upload = { guaranteed = "10mbit" }
download = { guaranteed = "4mbit" }

[vlans.guests]
port = "lan2"
address = "10.10.40.1/22"
policy = "spread"
manage = true
upload = { guaranteed = "2mbit" }

[policies.show]
mode = "failover"
uplinks = ["lane", "fiber", "lte"]
tolerate = { loss = "2%" }

[policies.spread]
mode = "balance"
uplinks = ["fiber", "lte"]
"""

RELAY = IPv4Address("192.0.2.7")
KEYS = LaneKeys(
    private_key="PRIVATEKEYTHATMUSTNOTBESHOWN",
    public_key="j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8=",
    relay_key="m0rVC68DRvql2CjJskgoBO6cCjUnQpp6kqHVqk2ztiY=",
)
CONNECTED = LaneFacts(keys=KEYS, relay_address=RELAY, handshake_age_s=3.0)


def lane_config(*changes: tuple[str, str]) -> Config:
    """The configuration, with each change (old, new) made in its text."""
    text = LANE_TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return config_of(text)


def lane_machine(config: Config, known: LaneFacts = CONNECTED, **features: bool) -> Facts:
    """A machine with every line, and the keys of each lane."""
    found = facts_of(config)
    names = {lane.name: known for lane in config.lanes()}
    more = frozenset(name for name, there in features.items() if there)
    return replace(found, lanes=names, features=found.features | more)


def lane_state(
    config: Config, *, facts: Facts | None = None, health: GatewayHealth | None = None
) -> KernelState:
    """What the kernel should hold."""
    return desired_state(
        config,
        allocation=allocate(config, Allocation()),
        health=health_of(config) if health is None else health,
        facts=lane_machine(config) if facts is None else facts,
        baseline=KernelState(),
    )
