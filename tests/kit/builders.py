"""Inputs that rings share: a configuration, facts of the machine, the health of the uplinks."""

from lbrouter.compile.config.parse import parse
from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import desired_state
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.message import told

TWO_LINES = """
[gateway]
name = "two-lines"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
address6 = "2001:db8:1::2/64"
gateway6 = "2001:db8:1::1"
upload = "50mbit"
download = "100mbit"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
upload = "20mbit"
download = "40mbit"
metered = true

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
address6 = "fd10:10::1/64"
policy = "show"
priority = 1
upload = { guaranteed = "12mbit", ceiling = "40mbit" }
download = { guaranteed = "10mbit" }

[vlans.guests]
port = "lan2"
address = "10.10.40.1/22"
policy = "spread"

[vlans.desk]
port = "lan3"
address = "10.10.99.1/24"
policy = "each"
manage = true
reach = ["stream"]

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]

[policies.spread]
mode = "balance"
weights = { fiber = 70, lte = 30 }

[policies.each]
mode = "balance"
uplinks = ["fiber", "lte"]
sticky = "0s"

[[rules]]
from = "guests"
protocol = "tcp"
ports = [1935]
to = "0.0.0.0/0"
policy = "show"

[[rules]]
to = ["192.0.2.0/24", "2001:db8:99::/48"]
policy = "show"

[[rules]]
protocol = "icmp"
policy = "each"

[[rules]]
protocol = "udp"
ports = [3478]
policy = "show"

[[forwards]]
uplink = "any"
protocol = "tcp"
port = 8443
to = "10.10.10.20:443"

[[forwards]]
uplink = "fiber"
protocol = "tcp"
port = 8443
to = "[fd10:10::20]:443"
"""
"""Two static lines (one with IPv6, one metered), three VLANs on ports, every kind of policy."""


def config_of(text: str) -> Config:
    """The configuration that `text` (TOML) describes."""
    return parse(text.encode(), source="test.toml").config


def facts_of(config: Config, *, without: tuple[str, ...] = (), carrier: bool = True) -> Facts:
    """Facts of a machine with every interface that `config` names, except those in `without`."""
    names = [name for name in dict.fromkeys(interfaces_of(config)) if name not in without]
    found = {
        name: InterfaceFacts(name=name, index=index, up=True, carrier=carrier, mtu=1500)
        for index, name in enumerate(names, start=2)
    }
    return Facts(interfaces=found, features=frozenset({"htb", "ifb", "vlan", "fq_codel"}))


def health_of(config: Config, **states: UplinkState) -> GatewayHealth:
    """Every uplink up, except those that `states` names."""
    return GatewayHealth(
        uplinks={
            name: _uplink_health(states.get(name.replace("-", "_"), UplinkState.UP))
            for name in config.uplinks
        }
    )


def _uplink_health(state: UplinkState) -> UplinkHealth:
    dead = {UplinkState.DOWN, UplinkState.WAITING}
    return UplinkHealth(state=state, why=told("said so"), alive=state not in dead)


def desired_of(config: Config, *, health: GatewayHealth | None = None) -> KernelState:
    """What the kernel should hold for `config` on a machine that has everything."""
    facts = facts_of(config)
    return desired_state(
        config,
        allocation=allocate(config, Allocation()),
        health=health if health is not None else health_without_daemon(config, facts),
        facts=facts,
        baseline=KernelState(),
    )
