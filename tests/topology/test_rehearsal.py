"""A whole rehearsal, from the outside."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbrouter.model.errors import Exit
from lbrouter.rehearsal import Options, rehearse
from tests.situations import TWO_LINES
from tests.topology.conftest import eventually
from tests.topology.test_lab import config_of, traces

ROOT = Path(__file__).parents[2]

ACTS = [
    "lbrouter on the gateway",
    "shares of new flows",
    "reachability of the internet",
    "isolation of the VLANs",
    "a port scan from the internet",
    "each uplink loses its carrier",
]


@pytest.mark.slow
def test_a_good_gateway_passes_every_act() -> None:
    told: list[str] = []
    report = rehearse(config_of(TWO_LINES), progress=told.append, options=Options(flows=120))
    assert [f"{check.subject}: {check.seen}" for check in report.failed] == []
    assert report.ok
    assert list(dict.fromkeys(check.act for check in report.checks)) == ACTS
    assert told[0] == "building the venue"
    assert told[-1] == "clearing the venue away"


@pytest.fixture
def command(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """`lbrouter rehearse --json` on its way; what it says goes to a file."""
    file = tmp_path / "lbrouter.toml"
    file.write_text(TWO_LINES)
    argv = [sys.executable, "-m", "lbrouter", "rehearse", str(file), "--json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (
        (tmp_path / "stderr").open("w") as said,
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=said, env=env, text=True) as process,
    ):
        yield process
        if process.poll() is None:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_can_be_ended_in_the_middle(
    command: "subprocess.Popen[str]", tmp_path: Path, number: signal.Signals
) -> None:
    def played() -> bool:
        return "new flows of policy" in (tmp_path / "stderr").read_text()

    assert eventually(played, within_s=60)
    assert traces(f"lbr-{command.pid}-")
    command.send_signal(number)
    assert command.wait(timeout=30) != Exit.DONE
    assert not traces(f"lbr-{command.pid}-")


@pytest.mark.slow
def test_the_command_speaks_json(command: "subprocess.Popen[str]") -> None:
    output, _ = command.communicate(timeout=120)
    report = json.loads(output)
    assert set(report) == {"ok", "gateway", "seconds", "notes", "checks"}
    assert report["ok"] is True
    assert command.returncode == Exit.DONE
    assert set(report["checks"][0]) == {"act", "subject", "expected", "seen", "verdict"}
