"""Changes of the file under living flows: what becomes of the flows whose line stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lbrouter.rehearsal.lab.process import JsonRow, LabProcess
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import GatewayDaemon

UPLINK_TEMPLATE = """
[uplinks.{name}]
interface = "wan{port}"
address = "198.51.10{port}.2/30"
gateway = "198.51.10{port}.1"
{rates}
"""

LAN_SECTIONS = """
[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "show"
priority = 1
upload = { guaranteed = "5mbit" }

[vlans.guests]
port = "lan2"
address = "10.10.40.1/24"
policy = "spread"
"""

HEAD = """
[gateway]
name = "changes"

[health]
targets = ["icmp://8.8.8.8", "icmp://1.1.1.1"]
interval = "200ms"
down_after = "3s"
"""

RATES = 'upload = "50mbit"\ndownload = "50mbit"'
FAST_RATES = 'upload = "2.5gbit"\ndownload = "40gbit"'


def changed_file(
    ports: Mapping[str, int], *, rates: str = RATES, show: Sequence[str], spread: Sequence[str]
) -> str:
    """A file whose uplinks stand on these ports (1 to 3); `show` and `spread` are failovers."""
    uplinks = "".join(
        UPLINK_TEMPLATE.format(name=name, port=port, rates=rates) for name, port in ports.items()
    )
    policies = "".join(
        f'[policies.{name}]\nmode = "failover"\nuplinks = {list(members)}\n'.replace("'", '"')
        for name, members in (("show", show), ("spread", spread))
    )
    return HEAD + uplinks + LAN_SECTIONS + policies


BASE = changed_file(
    {"fiber": 1, "lte": 2, "spare": 3}, show=["fiber", "lte"], spread=["lte", "fiber"]
)

STAYING_CHANGES = {
    "renamed": changed_file(
        {"glass": 1, "radio": 2, "spare": 3}, show=["glass", "radio"], spread=["radio", "glass"]
    ),
    "exchanged": changed_file(
        {"glass": 2, "radio": 1, "spare": 3}, show=["radio", "glass"], spread=["glass", "radio"]
    ),
    "names exchanged": BASE,
    "policies exchanged": changed_file(
        {"lte": 1, "fiber": 2, "spare": 3}, show=["fiber", "lte"], spread=["lte", "fiber"]
    ),
    "without rates": changed_file(
        {"fiber": 1, "lte": 2, "spare": 3},
        rates="",
        show=["fiber", "lte"],
        spread=["lte", "fiber"],
    ),
    "faster": changed_file(
        {"fiber": 1, "lte": 2, "spare": 3},
        rates=FAST_RATES,
        show=["fiber", "lte"],
        spread=["lte", "fiber"],
    ),
    "as before": BASE,
    "a ceiling": BASE.replace("{ guaranteed", '{ ceiling = "20mbit", guaranteed'),
    "VLANs renamed": BASE.replace("vlans.stream", "vlans.show").replace(
        "vlans.guests", "vlans.all"
    ),
}
"""Every line stays, so every flow stays."""

MOVED = changed_file({"fiber": 3, "lte": 2}, show=["fiber", "lte"], spread=["lte", "fiber"])
"""The uplink fiber is moved to the port of spare: of the flows, those of the guests stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDamage:
    """What a series of changes did: flows, how many of them broke, datagrams sent and lost."""

    flows: int
    broken: tuple[str, ...]
    sent: int
    lost: int
    max_gap_ms: float


class LivingFlows:
    """TCP connections that stay, and datagrams a hundred times a second each way, of one VLAN."""

    def __init__(self, venue: Venue, vlan: str, count: int) -> None:
        client = venue.client(vlan)
        self.held: LabProcess = client.hold_connections(count=count, interval_ms=100)
        self.ping: LabProcess = client.start_ping(interval_ms=10)

    def stop(self) -> ChangeDamage:
        """End them and count."""
        rows: list[JsonRow] = self.held.stop()
        [pinged] = self.ping.stop()
        return ChangeDamage(
            flows=len(rows),
            broken=tuple(str(row["error"]) for row in rows if row["error"]),
            sent=int(pinged["sent"]),
            lost=len(pinged["lost"]),
            max_gap_ms=float(pinged["max_gap_ms"]),
        )


def apply_file(venue: Venue, daemon: GatewayDaemon, text: str) -> None:
    """Hand a file to the daemon, which must take it at once and leave nothing to do."""
    path = venue.gateway.config_path
    path.write_text(text, encoding="utf-8")
    daemon.ask("apply", config=text, source=str(path))
    planned = venue.gateway.run_lbrouter("plan")
    assert planned.returncode == 0, planned.stdout + planned.stderr
