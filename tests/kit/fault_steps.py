"""What can happen to a gateway with three uplinks, drawn by chance, and what is true afterwards."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import Daemon
from tests.topology.conftest import eventually, succeeded

UPLINKS = ("a", "b", "c")
WEIGHTS = {"a": 50, "b": 30, "c": 20}
INTERFACES = {"a": "wan1", "b": "wan2", "c": "wan3"}

THREE = """
[gateway]
name = "sequences"

[health]
targets = ["icmp://8.8.8.8", "icmp://1.1.1.1"]
interval = "100ms"
down_after = "500ms"
up_after = "300ms"

[uplinks.a]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
upload = "50mbit"
download = "50mbit"

[uplinks.b]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
upload = "30mbit"
download = "30mbit"

[uplinks.c]
interface = "wan3"
address = "192.0.2.2/30"
gateway = "192.0.2.1"
upload = "20mbit"
download = "20mbit"

[vlans.desk]
port = "lan1"
address = "10.10.10.1/24"
policy = "spread"
upload = { guaranteed = "5mbit" }

[vlans.stream]
port = "lan2"
address = "10.10.40.1/24"
policy = "show"

[policies.spread]
mode = "balance"
weights = { a = 50, b = 30, c = 20 }
sticky = "0s"

[policies.show]
mode = "failover"
uplinks = ["a", "b", "c"]
tolerate = { loss = "2%" }
"""


@dataclass(slots=True)
class Truth:
    """What was really done to one uplink and not undone yet. `loss` in percent, each way."""

    pulled: bool = False
    hole: bool = False
    drained: bool = False
    loss: int = 0

    @property
    def dead(self) -> bool:
        """Whether nothing can pass."""
        return self.pulled or self.hole

    @property
    def healthy(self) -> bool:
        """Whether new flows belong here."""
        return not (self.dead or self.drained or self.loss)


@dataclass(slots=True)
class World:
    """A venue with a daemon, and the truth about its uplinks. `asleep`: the daemon is dead."""

    venue: Venue
    daemon: Daemon
    truth: dict[str, Truth] = field(default_factory=lambda: {name: Truth() for name in UPLINKS})
    asleep: bool = False

    @property
    def healthy(self) -> list[str]:
        """Uplinks on which new flows belong."""
        return [name for name, each in self.truth.items() if each.healthy]

    @property
    def usable(self) -> list[str]:
        """Uplinks by which a flow can pass at all, and may."""
        return [n for n, each in self.truth.items() if not (each.dead or each.drained)]

    def wake(self) -> None:
        """Start the daemon when it is dead."""
        if self.asleep:
            self.asleep = False
            self.daemon.start()
            assert eventually(self.daemon.serves, within_s=30), self.daemon.said()[-2000:]

    def heal(self) -> None:
        """Undo all that is done to the lines; what is done to the gateway, the daemon repairs."""
        self.wake()
        for name, each in self.truth.items():
            if each.pulled:
                cable(self, name)
            if each.hole:
                hole(self, name)
            if each.loss:
                loss(self, name, 0)
            if each.drained:
                drain(self, name)


def cable(world: World, name: str) -> str:
    """Pull the cable, or plug it in."""
    each = world.truth[name]
    world.venue.isp(name).carrier(up=each.pulled)
    each.pulled = not each.pulled
    return f"{name}: cable {'pulled' if each.pulled else 'plugged in'}"


def hole(world: World, name: str) -> str:
    """A black hole behind the modem begins or ends."""
    each = world.truth[name]
    each.hole = not each.hole
    world.venue.isp(name).blackhole(on=each.hole)
    return f"{name}: black hole {'on' if each.hole else 'off'}"


def loss(world: World, name: str, percent: int) -> str:
    """Random loss each way."""
    world.truth[name].loss = percent
    world.venue.isp(name).impair(loss_percent=percent)
    return f"{name}: {percent} % loss"


def drain(world: World, name: str) -> str:
    """Take an uplink out by hand, or give it back."""
    world.wake()
    each = world.truth[name]
    verb = "restore" if each.drained else "drain"
    succeeded(world.venue.gateway.lbrouter("uplink", verb, name))
    each.drained = not each.drained
    return f"{verb} {name}"


def kill(world: World) -> str:
    """The daemon dies amid whatever goes on; it starts again before the next look."""
    world.wake()
    world.daemon.kill()
    world.asleep = True
    return "kill -9"


def restart(world: World) -> str:
    """The daemon is told to end, and starts again."""
    world.wake()
    world.daemon.stop()
    world.asleep = True
    world.wake()
    return "restart"


DAMAGE = (
    "tc qdisc delete dev {interface} root",
    "ip route flush table {table}",
    "ip address flush dev {interface}",
    "ip link set {interface} down",
    "nft delete table inet lbrouter",
    "nft flush table inet lbrouter",
    "sysctl -q -w net.ipv4.ip_forward=0",
    "ip rule delete pref {priority}",
    "conntrack -F",
)


def damage(world: World, rng: random.Random) -> str:
    """Somebody who does not know us puts his hand to the gateway; it may find nothing to break."""
    gateway = world.venue.gateway
    ours = [
        line.split(":")[0]
        for line in gateway.check(["ip", "-4", "rule"]).splitlines()
        if 10000 <= int(line.split(":")[0]) < 10100
    ]
    command = rng.choice(DAMAGE).format(
        interface=INTERFACES[rng.choice(UPLINKS)],
        table=7000 + rng.randrange(4),
        priority=rng.choice(ours or ["10090"]),
    )
    gateway.run(command.split())
    return command


def step(world: World, rng: random.Random) -> str:
    """One thing that happens; what it was."""
    name = rng.choice(UPLINKS)
    kinds: list[tuple[int, Callable[[], str]]] = [
        (5, lambda: cable(world, name)),
        (5, lambda: hole(world, name)),
        (3, lambda: loss(world, name, 0 if world.truth[name].loss else rng.choice((5, 10, 20)))),
        (2, lambda: drain(world, name)),
        (5, lambda: damage(world, rng)),
        (1, lambda: kill(world)),
        (1, lambda: restart(world)),
    ]
    weights = [weight for weight, _ in kinds]
    [(_, act)] = rng.choices(kinds, weights)
    return act()
