"""A venue to shape, in pieces: two uplinks, three VLANs, tagged or on ports of their own."""

from collections.abc import Mapping
from dataclasses import replace

from lbrouter.compile.config.parse import parse
from lbrouter.compile.shaping.build import ShapingPlan, build_shaping
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.messages.message import told
from lbrouter.model.plan import Action, Operation, Phase

UPLINK_UP = UplinkHealth(state=UplinkState.UP, why=told(""))
UPLINK_DOWN = UplinkHealth(state=UplinkState.DOWN, why=told(""), alive=False)
ALLOCATION = Allocation(uplinks={"a": 1, "b": 2}, vlans={"stream": 1, "guests": 2, "desk": 3})
INTERFACES = ("ua", "ub", "lan", "ls", "lg", "ld", "lan.10", "lan.20", "lan.30")
FACTS = Facts(
    interfaces={
        name: InterfaceFacts(name=name, index=1, up=True, carrier=True, mtu=1500)
        for name in INTERFACES
    },
    features=frozenset({"fq_codel"}),
)

BASE_CONFIG = """
[gateway]
name = "shaping"
[policies.show]
mode = "failover"
uplinks = ["a", "b"]
[policies.spread]
mode = "balance"
uplinks = ["a", "b"]
[policies.one]
mode = "failover"
uplinks = ["a"]
[uplinks.a]
interface = "ua"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
"""
RATES_A = 'upload = "20mbit"\ndownload = "40mbit"\n'
UPLINK_B = """
[uplinks.b]
interface = "ub"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
"""
RATES_B = 'upload = "10mbit"\ndownload = "20mbit"\n'


def vlan_section(
    name: str,
    number: int,
    *,
    policy: str = "show",
    port: str = "",
    more: str = "",
    priority: int = 4,
) -> str:
    place = f'port = "{port}"' if port else f"id = {number * 10}"
    return f"""
[vlans.{name}]
{place}
address = "10.0.{number}.1/24"
policy = "{policy}"
priority = {priority}
{more}
"""


def bandwidth_both_ways(bandwidth: str) -> str:
    return f"upload = {{ {bandwidth} }}\ndownload = {{ {bandwidth} }}"


STREAM_BANDWIDTH = bandwidth_both_ways('guaranteed = "8mbit"')
TRUNK_SECTION = '[lan]\ntrunk = "lan"\n'
TWO_RATED_UPLINKS = BASE_CONFIG + RATES_A + UPLINK_B + RATES_B


def config_from(*parts: str) -> Config:
    return parse("".join(parts).encode(), source="test").config


def shaping_of(
    wanted: Config,
    *,
    a: UplinkHealth = UPLINK_UP,
    b: UplinkHealth = UPLINK_UP,
    facts: Facts = FACTS,
    vlans: Mapping[str, int] = ALLOCATION.vlans,
) -> ShapingPlan:
    health = GatewayHealth(uplinks={"a": a, "b": b})
    allocation = replace(ALLOCATION, vlans=vlans)
    return build_shaping(wanted, allocation=allocation, health=health, facts=facts)


def class_rates(found: ShapingPlan, interface: str) -> dict[int, int]:
    """Rate of each class of a tree, by minor."""
    return {c.classid[1]: c.rate for c in found.classes if c.interface == interface}


def class_operations(before: ShapingPlan, after: ShapingPlan) -> list[Operation]:
    """The class changes from one shaping to another, in no order."""
    old = {c.key: c for c in before.classes}
    new = {c.key: c for c in after.classes}
    found = []
    for key in {*old, *new}:
        verb = Action.ADD if key not in old else Action.CHANGE if key in new else Action.REMOVE
        phase = Phase.CLASS if key in new else Phase.UNCLASS
        if old.get(key) != new.get(key):
            step = Operation(
                phase=phase, action=verb, new=new.get(key), old=old.get(key), reason=""
            )
            found.append(step)
    return found
