"""`lbrouter init` on a machine with three ports: on a terminal, and without one."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.model.config import Config
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.hosts import GatewayHost, package_env
from tests.kit.terminal import Terminal
from tests.kit.wait import eventually

PORTS = ("enp1s0", "enp2s0", "enp3s0")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[GatewayHost]:
    """A machine with three ports, a cable in each, and no server behind them."""
    prefix = process_netns.unique_prefix()
    here, there = f"{prefix}gw", f"{prefix}switch"
    process_netns.create([here, there])
    try:
        process_netns.create_veth_pairs((here, port, there, f"far-{port}") for port in PORTS)
        for port in PORTS:
            subprocess.run(
                process_netns.exec_argv(there, ["ip", "link", "set", f"far-{port}", "up"]),
                check=True,
            )
        yield GatewayHost(here, [], tmp_path)
    finally:
        process_netns.delete([here, there])


def init_argv(machine: GatewayHost, *words: str) -> list[str]:
    return process_netns.exec_argv(machine.namespace, machine.lbrouter_argv("init", *words))


def written_config(machine: GatewayHost) -> Config:
    return parse(machine.config_path.read_bytes(), source="init").config


def test_a_wrong_answer_is_told_why_and_asked_again(machine: GatewayHost) -> None:
    dialogue = (
        ("Name of the gateway", "Town Hall", '"Town Hall" is not a name'),
        ("Name of the gateway", "town-hall", ""),
        ("Port to the switch", "enp33s0", 'not a port of this machine, did you mean "enp3s0"?'),
        ("Port to the switch", "enp3s0", ""),
        ("Ports with internet lines", "enp1s0,enp3s0", "names enp3s0, which is the trunk"),
        ("Ports with internet lines", "enp1s0 enp1s0", "names a port twice"),
        (
            "Ports with internet lines",
            "enp1s0 enp9s0",
            "names enp9s0, which is not a port of this machine",
        ),
        ("Ports with internet lines", "enp1s0 enp2s0", ""),
        ("Name of the line on enp1s0", "fiber", ""),
        ("fiber: upload rate", "10MB", 'counts bytes: for a line of 10 Mbit/s write "10mbit"'),
        ("fiber: upload rate", "10mbit", ""),
        ("fiber: download rate", "20mbit", ""),
        ("Name of the line on enp2s0", "fiber", '"fiber" is taken'),
        ("Name of the line on enp2s0", "lte", ""),
        ("lte: upload rate", "", ""),
        ("lte: download rate", "", "written:"),
    )
    with Terminal(init_argv(machine)) as terminal:
        assert eventually(lambda: terminal.shows("looking for cables: enp1s0"), within_s=15)
        assert eventually(lambda: terminal.shows("enp1s0: no DHCP server"), within_s=25)
        for question, answer, told in dialogue:
            assert eventually(lambda: terminal.shows(question), within_s=15), question  # noqa: B023
            terminal.type_line(answer)
            assert eventually(lambda: terminal.shows(*told.split("\n")), within_s=5), told  # noqa: B023
        assert terminal.process.wait(15) == ExitCode.DONE
        assert terminal.shows("lte has no guarantees yet", "lbrouter measure lte")
    config = written_config(machine)
    assert config.gateway.name == "town-hall"
    assert {name: line.interface for name, line in config.uplinks.items()} == {
        "fiber": "enp1s0",
        "lte": "enp2s0",
    }
    stream = config.vlans["stream"].upload
    assert stream is not None
    assert str(stream.guaranteed) == "4mbit"


def test_without_a_terminal_it_says_so_or_takes_the_defaults(machine: GatewayHost) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            init_argv(machine, *words), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False, env=package_env(), timeout=60,
        )  # fmt: skip

    refused = run()
    assert refused.returncode == ExitCode.USAGE
    assert "init needs a terminal to ask questions." in refused.stderr
    for rates, why in (
        ("enp1s0", "is not PORT=UPLOAD/DOWNLOAD"),
        ("eth9=1mbit/1mbit", "there is no line on eth9"),
        ("enp1s0=10MB/1mbit", "counts bytes"),
    ):
        wrong = run("--yes", "--rates", rates)
        assert wrong.returncode == ExitCode.USAGE
        assert why in wrong.stderr
    done = run("--yes", "--rates", "enp1s0=20mbit/50mbit", "--rates", "enp2s0=10mbit/40mbit")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "looking for cables: enp1s0, enp2s0, enp3s0" in done.stderr
    assert "no guarantee" not in done.stdout
    guarantees = {
        name: str(vlan.upload.guaranteed)
        for name, vlan in written_config(machine).vlans.items()
        if vlan.upload is not None
    }
    assert guarantees["stream"] == "4mbit"
    assert len(guarantees) == 6
    again = run("--yes")
    assert again.returncode == ExitCode.USAGE
    assert "exists already; nothing was written" in again.stderr
