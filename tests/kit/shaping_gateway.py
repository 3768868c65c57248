"""The shaping of that venue's gateway: its configuration, and how its kernel gets it."""

from lbrouter.compile.config.parse import parse
from lbrouter.compile.shaping.build import ShapingPlan, build_shaping
from lbrouter.compile.state.diff import diff
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.read.features import features
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts, ObserveScope
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.message import told
from lbrouter.model.plan import Plan

UPLINK_PORTS = {"a": "ua", "b": "ub"}
UNTAGGED_PORTS = {"stream": "ls", "guests": "lg"}
TAGGED_PORTS = {"stream": "lan.10", "guests": "lan.20"}
INTERFACE_NAMES = ("lan", *UPLINK_PORTS.values(), *UNTAGGED_PORTS.values(), *TAGGED_PORTS.values())
ALLOCATION = Allocation(uplinks={"a": 1, "b": 2}, vlans={"stream": 1, "guests": 2})
FACTS = {
    name: InterfaceFacts(name=name, index=1, up=True, carrier=True, mtu=1500)
    for name in INTERFACE_NAMES
}
SCOPE = ObserveScope(interfaces=frozenset(INTERFACE_NAMES))

CONFIG_TEMPLATE = """
[gateway]
name = "shaping"
[uplinks.a]
interface = "ua"
address = "203.0.113.2/24"
gateway = "203.0.113.1"
{a}
[uplinks.b]
interface = "ub"
address = "198.51.100.2/24"
gateway = "198.51.100.1"
{b}
{lan}
[vlans.stream]
{stream_place}
address = "10.0.1.1/24"
policy = "show"
priority = 1
{stream}
[vlans.guests]
{guests_place}
address = "10.0.2.1/24"
policy = "spread"
{guests}
[policies.show]
mode = "failover"
uplinks = ["a", "b"]
[policies.spread]
mode = "balance"
uplinks = ["a", "b"]
"""

DEFAULT_SECTIONS = {
    "a": 'upload = "20mbit"\ndownload = "20mbit"',
    "b": 'upload = "10mbit"\ndownload = "10mbit"',
    "stream": 'upload = { guaranteed = "8mbit" }\ndownload = { guaranteed = "8mbit" }',
    "guests": 'upload = { guaranteed = "2mbit" }\ndownload = { guaranteed = "2mbit" }',
}

VLAN_PLACEMENT = {
    "ls": {"lan": "", "stream_place": 'port = "ls"', "guests_place": 'port = "lg"'},
    "lan.10": {"lan": '[lan]\ntrunk = "lan"', "stream_place": "id = 10", "guests_place": "id = 20"},
}


def shaping_for(
    down: frozenset[str], sections: dict[str, str], without: frozenset[str] = frozenset()
) -> ShapingPlan:
    config = parse(CONFIG_TEMPLATE.format(**sections).encode(), source="shaping.toml").config
    health = GatewayHealth(
        uplinks={
            name: UplinkHealth(
                state=UplinkState.DOWN if name in down else UplinkState.UP,
                why=told(""), alive=name not in down,
            )
            for name in config.uplinks
        }
    )  # fmt: skip
    facts = Facts(interfaces=FACTS, features=features() - without)
    return build_shaping(config, allocation=ALLOCATION, health=health, facts=facts)


async def converge(wanted: KernelState) -> Plan:
    """Apply `wanted` to the kernel; the plan that is left afterwards."""
    async with LinuxKernel() as kernel:
        for operation in diff(shaping_part(await kernel.observe(SCOPE)), wanted).operations:
            await kernel.execute(operation)
        return diff(shaping_part(await kernel.observe(SCOPE)), wanted)


def shaping_part(state: KernelState) -> KernelState:
    """The part of the kernel's state that is about shaping."""
    return KernelState(
        devices=state.devices,
        links=frozenset(link for link in state.links if link.interface not in INTERFACE_NAMES),
        qdiscs=state.qdiscs,
        classes=state.classes,
        redirects=state.redirects,
    )


def classify_ruleset(wanted: ShapingPlan) -> str:
    pairs = ((*key.split(" . "), value) for key, value in sorted(wanted.elements))
    elements = ", ".join(f'"{into}" . "{out}" : {value}' for into, out, value in pairs)
    return f"""
table inet shaping
delete table inet shaping
table inet shaping {{
  map class_of {{
    typeof iifname . oifname : meta priority
    elements = {{ {elements} }}
  }}
  chain post {{
    type filter hook postrouting priority 0; policy accept;
    meta priority set iifname . oifname map @class_of
  }}
}}
"""
