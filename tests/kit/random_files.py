"""Valid configurations at random: names, ports, rates, VLANs, policies; and their health.

All of one small machine, so that two of them get into each other's way: four ports to the outside,
four to the inside, few names for many things.
"""

from collections.abc import Iterator, Sequence
from random import Random

from lbrouter.compile.config.parse import parse
from lbrouter.compile.shaping.overrides import VlanLimit, VlanLimits
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts, InterfaceFacts
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.messages.message import told
from lbrouter.model.units import Rate

OUTER_PORTS = ("wan0", "wan1", "wan2", "wan3")
INNER_PORTS = ("lan1", "lan2", "lan3")
TRUNK = "lan0"
TAGS = (10, 20, 30)
MACHINE_PORTS = (*OUTER_PORTS, TRUNK, *INNER_PORTS)

UPLINK_NAMES = ("a", "b", "fiber", "lte")
VLAN_NAMES = ("stream", "guests", "desk", "public")
POLICY_NAMES = ("show", "spread", "third")

LINE_RATES = (
    "8kbit", "64kbit", "800kbit", "5mbit", "20mbit", "50mbit",
    "1gbit", "1.2gbit", "2.5gbit", "10gbit", "40gbit", "100gbit",
)  # fmt: skip
VLAN_RATES = ("8kbit", "500kbit", "2mbit", "30mbit", "1.5gbit", "20gbit")


def random_file(random: Random, *, tags: bool = True) -> str:
    """A file (TOML) of that machine; without `tags` every VLAN has a port of its own."""
    uplinks = random.sample(UPLINK_NAMES, random.randint(1, len(UPLINK_NAMES)))
    policies = random.sample(POLICY_NAMES, random.randint(1, len(POLICY_NAMES)))
    vlans = random.sample(VLAN_NAMES, random.randint(0, 3))
    inner = random.sample(INNER_PORTS, len(INNER_PORTS))
    outer = random.sample(OUTER_PORTS, len(OUTER_PORTS))
    if random.random() < 0.2:  # a port changes sides
        outer[0], inner[0] = inner[0], outer[0]
    parts = ['[gateway]\nname = "walk"\n']
    if tags:
        parts.append(f'[lan]\ntrunk = "{TRUNK}"\n')
    parts += [_uplink(random, name, port) for name, port in zip(uplinks, outer, strict=False)]
    places = [*random.sample(TAGS, len(TAGS)), *inner] if tags else list(inner)
    parts += [
        _vlan(random, name, random.choice(policies), places.pop(random.randrange(len(places))))
        for name in vlans
    ]
    parts += [_policy(random, name, uplinks) for name in policies]
    if vlans and random.random() < 0.5:
        parts.append(_rule(random, vlans, policies))
    return "\n".join(parts)


def random_config(random: Random, *, tags: bool = True) -> Config:
    """The same as a configuration."""
    return parse(random_file(random, tags=tags).encode(), source="walk.toml").config


def random_health(random: Random, config: Config) -> GatewayHealth:
    """A health of its uplinks, most of them up."""
    states = (UplinkState.UP, UplinkState.UP, UplinkState.DEGRADED, UplinkState.DOWN)
    return GatewayHealth(uplinks={n: _health(random.choice(states)) for n in config.uplinks})


def random_limits(random: Random, config: Config) -> VlanLimits:
    """A limit of a VLAN now and then."""
    rate = Rate(random.choice((1_000_000, 2_000_000, 100_000_000_000)))
    return {name: _limit(random, rate) for name in config.vlans if random.random() < 0.3}


def machine_facts(features: frozenset[str]) -> Facts:
    """The machine: all its ports, up, with these features of the kernel."""
    found = {
        name: InterfaceFacts(name=name, index=index, up=True, carrier=True, mtu=1500)
        for index, name in enumerate(MACHINE_PORTS, start=2)
    }
    return Facts(interfaces=found, features=features)


def _health(state: UplinkState) -> UplinkHealth:
    return UplinkHealth(state=state, why=told("drawn"), alive=state is not UplinkState.DOWN)


def _limit(random: Random, rate: Rate) -> VlanLimit:
    way = random.randrange(3)
    return VlanLimit(upload=rate if way != 1 else None, download=rate if way != 0 else None)


def _uplink(random: Random, name: str, port: str) -> str:
    number, host = MACHINE_PORTS.index(port), random.choice((2, 2, 2, 3))
    lines = [f"[uplinks.{name}]", f'interface = "{port}"']
    lines += random.choice(
        [
            [f'address = "198.18.{number}.{host}/24"', f'gateway = "198.18.{number}.1"'],
            [f'address = "198.18.{number}.{host}/24"', f'gateway = "198.18.{number}.1"'],
            ['address = "external"'],
        ]
    )
    if random.random() < 0.3:
        net = f"2001:db8:{number}"
        lines += [f'address6 = "{net}::2/64"', f'gateway6 = "{net}::1"']
    lines += _rates(random, "upload") + _rates(random, "download")
    lines += random.choice([[], [], ['overhead = "docsis"'], ["metered = true"]])
    return "\n".join(lines) + "\n"


def _rates(random: Random, direction: str) -> list[str]:
    return [f'{direction} = "{random.choice(LINE_RATES)}"'] if random.random() < 0.7 else []


def _vlan(random: Random, name: str, policy: str, place: int | str) -> str:
    number = VLAN_NAMES.index(name) if random.random() < 0.7 else random.randrange(4, 9)
    where = f"id = {place}" if isinstance(place, int) else f'port = "{place}"'
    subnet = f"10.20.{10 * VLAN_NAMES.index(name) + number}"
    lines = [f"[vlans.{name}]", where, f'address = "{subnet}.1/24"', f'policy = "{policy}"']
    lines += [f"priority = {random.randint(1, 9)}"]
    for direction in ("upload", "download"):
        lines += _bandwidth(random, direction)
    return "\n".join(lines) + "\n"


def _bandwidth(random: Random, direction: str) -> Iterator[str]:
    if random.random() < 0.4:
        return
    chosen = sorted(random.sample(range(len(VLAN_RATES)), 2))
    low, high = (VLAN_RATES[index] for index in chosen)
    both = [f'guaranteed = "{low}"', f'ceiling = "{high}"', f'per_client = "{low}"']
    keys = random.sample(both, random.randint(1, len(both)))
    yield f"{direction} = {{ {', '.join(keys)} }}"


def _policy(random: Random, name: str, uplinks: Sequence[str]) -> str:
    chosen = random.sample(uplinks, random.randint(1, len(uplinks)))
    if random.random() < 0.5:
        names = ", ".join(f'"{each}"' for each in chosen)
        return f'[policies.{name}]\nmode = "failover"\nuplinks = [{names}]\n'
    weights = ", ".join(f"{each} = {random.randint(1, 9)}" for each in chosen)
    sticky = random.choice(("0s", "10m"))
    return f'[policies.{name}]\nmode = "balance"\nweights = {{ {weights} }}\nsticky = "{sticky}"\n'


def _rule(random: Random, vlans: Sequence[str], policies: Sequence[str]) -> str:
    return (
        f'[[rules]]\nfrom = "{random.choice(vlans)}"\nprotocol = "tcp"\n'
        f'ports = [1935]\npolicy = "{random.choice(policies)}"\n'
    )
