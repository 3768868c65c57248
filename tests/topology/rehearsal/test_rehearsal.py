"""A whole rehearsal, as a user runs it."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal import CheckVerdict, Fault, RehearsalOptions, VenueOptions, rehearse
from lbrouter.rehearsal.checks import fault_procedure
from lbrouter.rehearsal.checks.context import RehearsalContext
from lbrouter.rehearsal.lab.faults import LEASE_REACTION_LIMIT_MS, ExpectedReaction
from tests.kit.builders import TWO_LINES, config_of
from tests.kit.commands import INTERRUPTIBLE
from tests.kit.venues import VenueBuilder, leftover_namespaces
from tests.kit.wait import eventually

NO_LEASE_REASON = "not rehearsed: its address is not leased"
ROOT = Path(__file__).parents[3]

CHECK_TITLES = [
    "lbrouter on the gateway",
    "shares of new flows",
    "reachability of the internet",
    "isolation of the VLANs",
    "a port scan from the internet",
]


@pytest.mark.slow
def test_a_good_gateway_passes_every_check() -> None:
    progress: list[str] = []
    options = RehearsalOptions(
        flows_per_policy=120, faults=(Fault.CABLE, Fault.LEASE), bandwidth=False
    )
    report = rehearse(config_of(TWO_LINES), progress=progress.append, options=options)
    assert [f"{check.subject}: {check.seen}" for check in report.failed_checks] == []
    assert [row for row in report.faults if row.verdict is CheckVerdict.FAIL] == []
    assert {row.uplink for row in report.faults} == {"fiber", "lte"}
    judged = [
        row
        for row in report.faults
        if row.duty is ExpectedReaction.LEAVE and row.moved_ms is not None
    ]
    assert {row.policy for row in judged} >= {"show, IPv4", "spread, IPv4", "each, IPv4"}
    assert all(row.detected_ms is not None and row.back_ms is not None for row in judged)
    assert {"push", "udp", "call"} == set(judged[0].gaps_ms)
    assert {row.note for row in report.faults if row.fault is Fault.LEASE} == {NO_LEASE_REASON}
    assert report.ok
    assert list(dict.fromkeys(check.act for check in report.checks)) == CHECK_TITLES
    assert progress[0] == "building the venue"
    assert progress[-1] == "removing the venue"


DHCP_CONFIG = TWO_LINES.replace("metered = true\n", "").replace(
    'address = "203.0.113.2/30"\ngateway = "203.0.113.1"\n', 'address = "dhcp"\n'
)


def test_another_lease_costs_the_flows_of_the_old_address_alone(build_venue: VenueBuilder) -> None:
    venue = build_venue(DHCP_CONFIG, style=VenueOptions(addresses_per_client=64))
    context = RehearsalContext(venue, RehearsalOptions(faults=(Fault.LEASE,)), lambda _: None)
    rows = [row for row in fault_procedure.run_faults(context) if row.policy]
    print([row.as_json() for row in rows])
    assert [row for row in rows if row.verdict is CheckVerdict.FAIL] == []
    carried = [
        row for row in rows if row.duty is ExpectedReaction.RENEW and row.moved_ms is not None
    ]
    assert {row.policy for row in carried} >= {"show, IPv4", "spread, IPv4"}
    for row in carried:
        assert row.broken == 0
        assert row.detected_ms is not None
        assert row.back_ms is not None
        assert row.back_ms < LEASE_REACTION_LIMIT_MS
        assert not row.left
        assert row.gaps_ms["push"] > 1900  # its address went, and with it its connection
    isp = venue.isp("fiber")
    assert isp.line == isp.initial_line
    assert venue.gateway.config_path.read_text().count('"dhcp"') == 0


ONE_LINE = """
[gateway]
name = "one-line"
[uplinks.dsl]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
upload = "10mbit"
download = "20mbit"
[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "only"
priority = 1
upload = { guaranteed = "6mbit" }
[vlans.guests]
port = "lan2"
address = "10.10.40.1/24"
policy = "only"
[policies.only]
mode = "failover"
uplinks = ["dsl"]
"""


@pytest.mark.slow
@pytest.mark.needs("htb", "ifb", "u32")
def test_what_each_vlan_gets_is_measured() -> None:
    options = RehearsalOptions(flows_per_policy=10, faults=(Fault.DNS,))
    report = rehearse(config_of(ONE_LINE), progress=lambda _: None, options=options)
    print([row.as_json() for row in report.bandwidth])
    found = {(row.vlan, row.direction, row.situation): row for row in report.bandwidth}
    assert len(found) == 5
    flooded = found["stream", "upload", "others flood"]
    assert flooded.verdict is CheckVerdict.PASS
    assert flooded.rate_bps == pytest.approx(6e6, rel=0.25)
    for vlan, direction, line in (("guests", "download", 20e6), ("stream", "upload", 10e6)):
        alone = found[vlan, direction, "alone"].rate_bps
        assert alone is not None
        assert 0.6 * line < alone < 1.05 * line  # what is lacking is up to the processors
    assert [(row.duty, row.moved_ms) for row in report.faults] == [
        (ExpectedReaction.STAY, math.inf)
    ]
    assert report.ok


@pytest.fixture
def rehearsal_process(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A running `lbrouter rehearse --json`; its stderr goes to a file."""
    file = tmp_path / "lbrouter.toml"
    file.write_text(TWO_LINES)
    argv = [*INTERRUPTIBLE, sys.executable, "-m", "lbrouter", "rehearse", str(file), "--json"]
    argv += ["--faults", "none", "--no-bandwidth"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (
        (tmp_path / "stderr").open("w") as stderr,
        subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=stderr, env=env, text=True
        ) as process,
    ):
        yield process
        if process.poll() is None:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_can_be_ended_in_the_middle(
    rehearsal_process: "subprocess.Popen[str]", tmp_path: Path, number: signal.Signals
) -> None:
    def played() -> bool:
        return "new flows of policy" in (tmp_path / "stderr").read_text()

    assert eventually(played, within_s=60)
    assert leftover_namespaces(f"lbr-{rehearsal_process.pid}-")
    rehearsal_process.send_signal(number)
    assert rehearsal_process.wait(timeout=30) != ExitCode.DONE
    assert not leftover_namespaces(f"lbr-{rehearsal_process.pid}-")


@pytest.mark.slow
def test_the_command_speaks_json(rehearsal_process: "subprocess.Popen[str]") -> None:
    output, _ = rehearsal_process.communicate(timeout=120)
    report = json.loads(output)
    keys = {"ok", "gateway", "seconds", "notes", "checks", "faults", "bandwidth"}
    assert set(report) == keys
    assert [row for row in report["checks"] if row["verdict"] == "fail"] == []
    assert report["ok"] is True
    assert rehearsal_process.returncode == ExitCode.DONE
    assert set(report["checks"][0]) == {"act", "subject", "expected", "seen", "verdict"}
