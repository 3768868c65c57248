"""Random files one after the other on the real kernel, under the flows of a line that stays.

The line and the VLAN that stay have other names in each file, and other rates; all else is drawn.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

from lbrouter.daemon.applier import Applier
from lbrouter.daemon.config_file import ConfigFile, parse_config
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.netns import in_namespace
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.messages.message import told
from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.process import LabProcess, agent_argv, check_output
from tests.kit.random_files import MACHINE_PORTS, random_file, random_health

pytestmark = [pytest.mark.needs("htb", "ifb", "u32", "nft"), pytest.mark.slow]

FILES, SEED, FLOWS = 30, 11, 10
SERVER, CLIENT, PORT = "203.0.113.1", "10.30.0.9", 7000

STANDING_PART = """
[uplinks.{uplink}]
interface = "wan9"
address = "203.0.113.2/24"
gateway = "203.0.113.1"
{rates}
[vlans.{vlan}]
port = "lan9"
address = "10.30.0.1/24"
policy = "{policy}"
modems = true
{bandwidth}
[policies.{policy}]
mode = "failover"
uplinks = ["{uplink}"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The namespaces of the gateway, of the client and of the far end."""

    gateway: str
    client: str
    far: str


def ip(namespace: str, words: str) -> None:
    check_output(["ip", "-n", namespace, *words.split()])


@pytest.fixture
def machine() -> Iterator[Machine]:
    prefix = process_netns.unique_prefix()
    built = Machine(gateway=f"{prefix}gw", client=f"{prefix}client", far=f"{prefix}far")
    try:
        process_netns.create((built.gateway, built.client, built.far))
        drawn = ((built.gateway, port, built.far, f"far-{port}") for port in MACHINE_PORTS)
        standing = (
            (built.gateway, "wan9", built.far, "eth0"),
            (built.gateway, "lan9", built.client, "eth0"),
        )
        process_netns.create_veth_pairs((*drawn, *standing))
        for host, address in ((built.far, f"{SERVER}/24"), (built.client, f"{CLIENT}/24")):
            ip(host, f"addr add {address} dev eth0")
            ip(host, "link set eth0 up")
        for port in MACHINE_PORTS:
            ip(built.far, f"link set far-{port} up")
        ip(built.client, "route add default via 10.30.0.1")
        yield built
    finally:
        process_netns.delete_prefix(prefix)


def drawn_file(random: Random) -> ConfigFile:
    """A random file, and in it the line and the VLAN that stay."""
    rate, bandwidth = random.choice(("8mbit", "50mbit", "2.5gbit", "100gbit")), ""
    if random.random() < 0.5:
        bandwidth = 'upload = { guaranteed = "1mbit", ceiling = "5mbit" }'
    part = STANDING_PART.format(
        uplink=random.choice(("stays", "kept")),
        vlan=random.choice(("stays", "kept")),
        policy=random.choice(("stays", "kept")),
        rates=random.choice(("", f'upload = "{rate}"\n', f'download = "{rate}"\n')),
        bandwidth=bandwidth,
    )
    return parse_config((random_file(random, tags=False) + part).encode(), source="walk.toml")


async def apply_file(applier: Applier, file: ConfigFile, health: GatewayHealth) -> None:
    """Apply it as `lbrouter apply` does; the second plan must be empty."""
    snapshot = await applier.observe(file.config, health_source=lambda _config, _facts: health)
    planned = snapshot.planned(file)
    await applier.apply_plan(planned, planned.steps())
    after = await applier.observe(file.config, health_source=lambda _config, _facts: health)
    assert not after.planned(file).steps()


async def walk(folder: Path, random: Random, flows: "LivingFlows") -> int:
    """Apply the files in turn; the flows begin with the first. Returns how many were applied."""
    async with LinuxKernel() as kernel:
        applier = Applier(kernel, state_dir=folder / "state", runtime_dir=folder / "run")
        for number in range(FILES):
            file = drawn_file(random)
            up = UplinkHealth(state=UplinkState.UP, why=told("stays"))
            drawn = random_health(random, file.config)
            stays = {name: up for name in file.config.uplinks if name in ("stays", "kept")}
            health = replace(drawn, uplinks={**drawn.uplinks, **stays})
            await apply_file(applier, file, health)
            if number == 0:
                flows.start()
        return FILES


class LivingFlows:
    """Connections from the client to the far end that stay."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        request = {"addresses": [SERVER], "tcp": [PORT], "udp": [PORT]}
        self.server = self._start(machine.far, "echo_server", json.dumps(request))
        self.server.read_json()
        self.held: LabProcess | None = None

    def start(self) -> None:
        """Open them."""
        request = {
            "to": SERVER, "port": PORT, "name": "walk", "count": FLOWS, "interval_ms": 100,
            "timeout_ms": 15_000,
        }  # fmt: skip
        self.held = self._start(self.machine.client, "flow_client", "hold", json.dumps(request))
        self.held.read_json()

    def _start(self, where: str, *words: str) -> LabProcess:
        argv = [*agent_argv(words[0]), *words[1:]]
        return LabProcess(process_netns.exec_argv(where, argv))


def test_random_files_apply_at_once_and_the_flows_of_what_stays_stay(
    machine: Machine, tmp_path: Path
) -> None:
    flows = LivingFlows(machine)
    try:
        with in_namespace(Path("/run/netns") / machine.gateway):
            assert asyncio.run(walk(tmp_path, Random(SEED), flows)) == FILES
        assert flows.held is not None
        rows = flows.held.stop()
    finally:
        flows.server.close()
        if flows.held is not None:
            flows.held.close()
    assert len(rows) == FLOWS
    assert [row["error"] for row in rows if row["error"]] == []
    assert all(row["received"] > 10 for row in rows)
