"""Random faults of a gateway with three uplinks, and what was really done to each uplink."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.wait import eventually

UPLINKS = ("a", "b", "c")
START_TIMEOUT_S = 120.0
"""A start reads and compiles for two seconds of the processor: on a machine that is shared by
twenty others this takes a minute. What is judged begins when the daemon serves."""

WEIGHTS = {"a": 50, "b": 30, "c": 20}
INTERFACES = {"a": "wan1", "b": "wan2", "c": "wan3"}

THREE_UPLINKS = """
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
class InjectedFaults:
    """Faults of one uplink that are not undone yet. `loss` in percent, each way."""

    pulled: bool = False
    black_hole: bool = False
    drained: bool = False
    loss: int = 0

    @property
    def dead(self) -> bool:
        """Whether nothing can pass."""
        return self.pulled or self.black_hole

    @property
    def healthy(self) -> bool:
        """Whether new flows should use it."""
        return not (self.dead or self.drained or self.loss)


@dataclass(slots=True)
class FaultVenue:
    """A venue with a daemon, and the faults of its uplinks. `daemon_dead`: it was killed."""

    venue: Venue
    daemon: GatewayDaemon
    injected: dict[str, InjectedFaults] = field(
        default_factory=lambda: {name: InjectedFaults() for name in UPLINKS}
    )
    daemon_dead: bool = False

    @property
    def healthy(self) -> list[str]:
        """Uplinks that new flows should use."""
        return [name for name, each in self.injected.items() if each.healthy]

    @property
    def usable(self) -> list[str]:
        """Uplinks by which a flow can pass at all, and may."""
        return [n for n, each in self.injected.items() if not (each.dead or each.drained)]

    @property
    def tried(self) -> list[str]:
        """Uplinks that are dead behind their next hop: tried where nothing else is left."""
        return [
            n
            for n, each in self.injected.items()
            if each.black_hole and not (each.pulled or each.drained)
        ]

    def ensure_daemon(self) -> None:
        """Start the daemon when it is dead."""
        if self.daemon_dead:
            self.daemon_dead = False
            self.daemon.start()
            serves = eventually(self.daemon.is_serving, within_s=START_TIMEOUT_S)
            assert serves, self.daemon.log_text()[-2000:]

    def undo_faults(self) -> None:
        """Undo all faults of the lines; the daemon repairs the damage to the gateway."""
        self.ensure_daemon()
        for name, each in self.injected.items():
            if each.pulled:
                toggle_cable(self, name)
            if each.black_hole:
                toggle_black_hole(self, name)
            if each.loss:
                set_loss(self, name, 0)
            if each.drained:
                toggle_drain(self, name)


def toggle_cable(world: FaultVenue, name: str) -> str:
    """Pull the cable, or plug it in."""
    each = world.injected[name]
    world.venue.isp(name).set_carrier(up=each.pulled)
    each.pulled = not each.pulled
    return f"{name}: cable {'pulled' if each.pulled else 'plugged in'}"


def toggle_black_hole(world: FaultVenue, name: str) -> str:
    """A black hole behind the modem begins or ends."""
    each = world.injected[name]
    each.black_hole = not each.black_hole
    world.venue.isp(name).set_blackhole(on=each.black_hole)
    return f"{name}: black hole {'on' if each.black_hole else 'off'}"


def set_loss(world: FaultVenue, name: str, percent: int) -> str:
    """Random loss each way."""
    world.injected[name].loss = percent
    world.venue.isp(name).impair(loss_percent=percent)
    return f"{name}: {percent} % loss"


def toggle_drain(world: FaultVenue, name: str) -> str:
    """Take an uplink out by hand, or give it back."""
    world.ensure_daemon()
    each = world.injected[name]
    words = ("restore", name) if each.drained else ("drain", name, "--yes")
    require_success(world.venue.gateway.run_lbrouter("uplink", *words))
    each.drained = not each.drained
    return " ".join(words)


def kill_daemon(world: FaultVenue) -> str:
    """The daemon is killed at any moment; it starts again before the next check."""
    world.ensure_daemon()
    world.daemon.kill()
    world.daemon_dead = True
    return "kill -9"


def restart_daemon(world: FaultVenue) -> str:
    """The daemon gets SIGTERM, and starts again."""
    world.ensure_daemon()
    world.daemon.stop()
    world.daemon_dead = True
    world.ensure_daemon()
    return "restart"


DAMAGE_COMMANDS = (
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


def damage_gateway(world: FaultVenue, rng: random.Random) -> str:
    """Another program damages the gateway's state; there may be nothing to damage."""
    gateway = world.venue.gateway
    ours = [
        line.split(":")[0]
        for line in gateway.check_output(["ip", "-4", "rule"]).splitlines()
        if 10000 <= int(line.split(":")[0]) < 10100
    ]
    command = rng.choice(DAMAGE_COMMANDS).format(
        interface=INTERFACES[rng.choice(UPLINKS)],
        table=7000 + rng.randrange(4),
        priority=rng.choice(ours or ["10090"]),
    )
    gateway.run(command.split())
    return command


def random_fault(world: FaultVenue, rng: random.Random) -> str:
    """Inject one random fault; a text that names it."""
    name = rng.choice(UPLINKS)
    kinds: list[tuple[int, Callable[[], str]]] = [
        (5, lambda: toggle_cable(world, name)),
        (5, lambda: toggle_black_hole(world, name)),
        (
            3,
            lambda: set_loss(
                world, name, 0 if world.injected[name].loss else rng.choice((5, 10, 20))
            ),
        ),
        (2, lambda: toggle_drain(world, name)),
        (5, lambda: damage_gateway(world, rng)),
        (1, lambda: kill_daemon(world)),
        (1, lambda: restart_daemon(world)),
    ]
    weights = [weight for weight, _ in kinds]
    [(_, inject)] = rng.choices(kinds, weights)
    return inject()
