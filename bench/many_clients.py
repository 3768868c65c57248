"""5,000 guests join by DHCP, browse and leave: tables, memory, and how long `clients` takes."""

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench.figures import Figure
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import config_of
from tests.kit.config_text import FAST_HEALTH, fiber, file_text, lte, vlan_text
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.packets import mac_of
from tests.kit.wait import eventually

MACHINES: Final = Path(__file__).parent / "inside" / "many_machines.py"
GUESTS: Final = 5000
FLOWS_EACH: Final = 4
ROUNDS: Final = 2
"""They come and go twice: what is left over from the first time would show."""

CONFIG: Final = file_text(
    "crowded",
    fiber(),
    lte(),
    vlan_text("stream", "lan1", "10.10.10.1/24", "show"),
    vlan_text(
        *("guests", "lan2", "10.10.32.1/19", "spread"),
        'dhcp = { range = "10.10.32.20-10.10.63.250", lease = "1h" }',
    ),
    '[policies.show]\nmode = "failover"\nuplinks = ["fiber", "lte"]\n',
    '[policies.spread]\nmode = "balance"\nweights = { fiber = 70, lte = 30 }\n',
    health=FAST_HEALTH,
)


def measure() -> Iterator[Figure]:
    """Each round: join, browse, `clients`, leave."""
    with Venue.build(config_of(CONFIG)) as venue, GatewayDaemon(venue.gateway) as daemon:
        if not eventually(lambda: daemon.state("fiber") == "up", within_s=20):
            raise RuntimeError("the lines do not come up")
        guest = venue.client("guests")
        guest.check_output(["ip", "-4", "address", "flush", "dev", "eth0"])
        request = {
            "count": GUESTS,
            "gateway_mac": mac_of(venue.gateway, "lan2"),
            "gateway": "10.10.32.1",
            "to": str(next(a for a in guest.server_addresses if a.version == 4)),
            "port": ECHO_SERVER_PORT,
        }
        machines = guest.start([sys.executable, str(MACHINES), json.dumps(request)])
        machines.read_json()
        for number in range(1, ROUNDS + 1):
            before = _memory_mb(daemon)
            joined = machines.ask("join")
            browsed = machines.ask(f"browse {FLOWS_EACH}")
            held = int(venue.gateway.check_output(["cat", COUNT_FILE]))
            began, spent_s = time.monotonic(), _children_cpu_s()
            listed = json.loads(venue.gateway.run_lbrouter("clients", "--json").stdout)["clients"]
            took_s, spent_s = time.monotonic() - began, _children_cpu_s() - spent_s
            others = venue.client("stream").open_flows(count=20)
            machines.ask("leave")
            yield from _rows(
                number, joined, browsed, held=held, listed=len(listed), times=(took_s, spent_s)
            )
            yield Figure(
                what=f"round {number}: the stream's new connections; memory of the daemon",
                promise="20 of 20; as before",
                seen=f"{sum(not row['error'] for row in others)} of 20;"
                f" {before:.1f} and {_memory_mb(daemon):.1f} MB",
                runs=1,
            )


COUNT_FILE: Final = "/proc/sys/net/netfilter/nf_conntrack_count"


def _rows(
    number: int,
    joined: dict[str, Any],
    browsed: dict[str, Any],
    *,
    held: int,
    listed: int,
    times: tuple[float, float],
) -> Iterator[Figure]:
    yield Figure(
        what=f"round {number}: guests with an address, time; flows answered; connections held",
        promise=f"{GUESTS:,}; all; under the budget",
        seen=f"{joined['joined']:,} in {joined['seconds']} s;"
        f" {browsed['answered']:,} of {browsed['sent']:,}; {held:,}",
        runs=1,
    )
    yield Figure(
        what=f"round {number}: `clients --json`, with its sample of one second",
        promise="under 0.5 s beside the sample",
        seen=f"{times[0]:.2f} s, {times[1]:.2f} s of a processor; {listed:,} clients",
        runs=1,
        samples=times,
    )


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory_mb(daemon: GatewayDaemon) -> float:
    """Resident memory of the daemon."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024
