"""The scenarios: what is done to the five machines, and what must be seen of it."""

import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.vagrant.lab import ROOT, Lab, LabError, VagrantMachine, check, vagrant, wait_until
from tests.vagrant.traffic import Traffic, flows_per_provider, reset_flow_counts

EVENT_CONFIG = (ROOT / "vagrant/event.toml").read_text(encoding="utf-8")
CHANGED_CONFIG = EVENT_CONFIG.replace("isp-a = 70, isp-b = 30", "isp-a = 60, isp-b = 40").replace(
    'upload    = "20mbit"', 'upload    = "16mbit"'
)
"""What is applied first, and holds for all scenarios but the last."""

CONFIG_PATH = "/etc/lbrouter/lbrouter.toml"
VAGRANT_UP_TIMEOUT_S, FLOW_COUNT, SHARE_TOLERANCE = 2400.0, 200, 5.0
EXPECTED_SHARES = {"isp-a": 60, "isp-b": 40}
MAX_GAP_S = 15.0
"""The longest silence that the stream may have: many times what a real machine is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """What a scenario showed, in words, and whether it passed."""

    text: str
    passed: bool


Scenario = Callable[[Lab, Traffic], ScenarioResult]


def up(lab: Lab) -> ScenarioResult:
    """All machines are made, started and provisioned; nothing stands that is not wanted."""
    vagrant("up", within_s=VAGRANT_UP_TIMEOUT_S)
    lab.prepare_access()
    wait_until(lab.all_up, "both uplinks are up", pause_s=3)
    version = lab.gateway.check_shell("dpkg-query -W -f '${Version}' lbrouter")
    failed = lab.gateway.check_shell(
        "systemctl --failed --no-legend --plain | cut -d ' ' -f 1"
    ).split()
    units = ", ".join(failed) or "none"
    text = f"lbrouter {version} installed, both uplinks up, failed units: {units}"
    return ScenarioResult(text=text, passed=not failed)


def apply(lab: Lab, _traffic: Traffic) -> ScenarioResult:
    """A changed file is applied by the daemon, and then there is nothing left to change.

    Asked until it is so: while a line is under suspicion, new flows avoid it and `plan` says so.
    """
    lab.gateway.write_file(CHANGED_CONFIG, CONFIG_PATH)
    last = lab.gateway.check_shell("lbrouter apply").strip().splitlines()[-1]
    wait_until_settled(lab)
    shares = lab.status()["policies"]["spread"]["shares"]
    text = f"{last}; then `plan`: nothing to change; shares {shares_text(shares)}"
    return ScenarioResult(text=text, passed=shares == EXPECTED_SHARES)


def shares_text(shares: dict[str, float]) -> str:
    """As people say it."""
    return ", ".join(f"{name} {share:.1f} %" for name, share in shares.items())


def balance(lab: Lab, traffic: Traffic) -> ScenarioResult:
    """Flows of the guests, counted at the providers."""
    reset_flow_counts(lab)
    failed = [row["error"] for row in traffic.flows(FLOW_COUNT) if row["error"]]
    found = flows_per_provider(lab)
    parts = {name: 100 * found[name] / FLOW_COUNT for name in EXPECTED_SHARES}
    near = all(
        abs(parts[name] - EXPECTED_SHARES[name]) <= SHARE_TOLERANCE for name in EXPECTED_SHARES
    )
    once = sum(found.values()) == FLOW_COUNT
    return ScenarioResult(
        text=f"{shares_text(parts)} of {FLOW_COUNT} flows; {len(failed)} failed",
        passed=near and once and not failed,
    )


def link_down(lab: Lab, traffic: Traffic) -> ScenarioResult:
    """The cable of the line that carries the stream is pulled, and plugged in again."""
    card = lab.gateway.card_mac("00:01")

    def pull() -> None:
        lab.gateway.set_link(card, up=False)

    return outage(lab, traffic, pull, lambda: lab.gateway.set_link(card, up=True))


def black_hole(lab: Lab, traffic: Traffic) -> ScenarioResult:
    """The same line swallows everything while its carrier stays."""
    chain = "type filter hook prerouting priority -300; iifname line drop;"
    rules = f"table inet hole {{ chain swallow {{ {chain} }}; }}"

    def swallow() -> None:
        lab.isp_a.check_shell(f"nft {shlex.quote(rules)}")

    return outage(
        lab, traffic, swallow, lambda: lab.isp_a.check_shell("nft delete table inet hole")
    )


def outage(
    lab: Lab, traffic: Traffic, begin: Callable[[], None], end: Callable[[], object]
) -> ScenarioResult:
    """isp-a dies under the stream, which goes on by isp-b; new flows come back later."""
    wait_until(lab.all_up, "both uplinks are up", pause_s=3)
    wait_until(
        lambda: traffic.uplink_of_new_flow() == "isp-a", "new flows of the stream go by isp-a"
    )
    restart_stream_on(traffic, "isp-a")
    traffic.reset_when_running()
    begin()
    try:
        wait_until(
            lambda: traffic.runs_via("isp-b"), "the stream runs by isp-b", within_s=120, pause_s=0.1
        )
        gaps, rows = traffic.gaps_text(), traffic.stream_status().values()
        state = wait_until(lambda: lab.states().get("isp-a"), "the gateway tells its state")
    finally:
        end()
    wait_until(lab.all_up, "both uplinks are up again", pause_s=3)
    back = wait_until(
        lambda: traffic.uplink_of_new_flow() == "isp-a", "new flows are back on isp-a"
    )
    good = back and state == "down" and all(row["gap_s"] <= MAX_GAP_S for row in rows)
    return ScenarioResult(
        text=f"{gaps}; isp-a {state}, and new flows back on it after the repair", passed=good
    )


def restart_stream_on(traffic: Traffic, line: str) -> None:
    """A stream that another outage has moved starts again, and goes where new flows go."""
    if not traffic.runs_via(line):
        traffic.restart_stream()
    wait_until(lambda: traffic.runs_via(line), f"the stream runs by {line}")


def reboot(lab: Lab, traffic: Traffic) -> ScenarioResult:
    """The gateway restarts without any help."""
    before = kernel_state_of(lab.gateway)
    traffic.reset_when_running()
    began = time.monotonic()
    lab.gateway.run_shell("systemctl reboot")
    lab.gateway.close_connection()
    wait_until(lambda: not traffic.is_alive(), "the stream stops", within_s=120)
    wait_until(traffic.is_alive, "the stream runs again", within_s=900)
    took, gaps = time.monotonic() - began, traffic.gaps_text()
    wait_until_settled(lab)
    same = kernel_state_of(lab.gateway) == before
    analysed = lab.gateway.check_shell("systemd-analyze | head -n 1").strip()
    text = f"the stream runs again {took:.0f} s after the order ({gaps})"
    text += f"; state {same_text(same)}; {analysed}"
    return ScenarioResult(text=text, passed=same)


def wait_until_settled(lab: Lab) -> None:
    """The gateway is reached, both uplinks are up, and `plan` finds nothing to do."""
    wait_until(lab.gateway.is_reachable, "the gateway lets one in", within_s=900)
    wait_until(lab.all_up, "both uplinks are up", pause_s=3)
    wait_until(
        lambda: lab.gateway.run_shell("lbrouter plan").returncode == 0, "`plan` finds nothing to do"
    )


def same_text(same: bool) -> str:  # noqa: FBT001  # a word for a table
    """In words."""
    return "the same" if same else "CHANGED"


def kernel_state_of(gateway: VagrantMachine) -> str:
    """What the kernel holds of ours, without counters and what comes and goes with the flows."""
    return gateway.check_shell(
        "nft -s -t list table inet lbrouter; ip rule; ip route show table all proto 76 | sort;"
        " tc qdisc show | cut -d ' ' -f 2-5 | sort; ip -br address show scope global"
    )


def cut_session(lab: Lab, traffic: Traffic) -> ScenarioResult:
    """Commit-confirm: new flows of the stream by isp-b. The technician's line fails: no confirm."""
    gateway = lab.gateway
    before = kernel_state_of(gateway)
    pending_config = CHANGED_CONFIG.replace('["isp-a", "isp-b"]', '["isp-b", "isp-a"]')
    gateway.write_file(pending_config, "/root/trial.toml")
    card = gateway.card_mac("lbrouter-vagrant")
    wait_until(
        lambda: traffic.uplink_of_new_flow() == "isp-a", "new flows of the stream go by isp-a"
    )
    command = "lbrouter --config /root/trial.toml apply --confirm-within 60s && cat"
    session = subprocess.Popen(
        gateway.ssh_argv(command, alone=True), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: traffic.uplink_of_new_flow() == "isp-b", "the trial has begun")
        began = time.monotonic()
        gateway.set_link(card, up=False)
    finally:
        session.kill()
        session.wait()
    try:
        wait_until(
            lambda: traffic.uplink_of_new_flow() == "isp-a", "it is rolled back", within_s=240
        )
        took = time.monotonic() - began
    finally:
        gateway.set_link(card, up=True)
    gateway.close_connection()
    wait_until_settled(lab)
    same = kernel_state_of(gateway) == before
    text = f"with the line still cut, rolled back {took:.0f} s later; state {same_text(same)}"
    return ScenarioResult(text=text, passed=same)


def power_cut(lab: Lab, traffic: Traffic) -> ScenarioResult:
    """The power fails at the first change of an apply; the next boot brings what the file says."""
    gateway = lab.gateway
    gateway.write_file(EVENT_CONFIG, CONFIG_PATH)
    moment = cut_at_first_change(gateway)
    wait_until(lambda: not traffic.is_alive(), "the stream stops", within_s=120)
    began = time.monotonic()
    gateway.power_on()
    wait_until(traffic.is_alive, "the stream runs again", within_s=900)
    took = time.monotonic() - began
    wait_until_settled(lab)
    shares = lab.status()["policies"]["spread"]["shares"]
    text = f"power cut {moment}; the stream runs {took:.0f} s after power-on"
    text += f"; `plan`: nothing to change; shares {shares_text(shares)}, as the new file says"
    return ScenarioResult(text=text, passed=shares == {"isp-a": 70, "isp-b": 30})


def cut_at_first_change(gateway: VagrantMachine) -> str:
    """Start an apply, and pull the plug when the kernel reports a change; how far it was."""
    command = (
        "nft monitor & tc monitor & ip monitor rule route link & lbrouter apply; echo finished"
    )
    session = subprocess.Popen(
        gateway.ssh_argv(command, alone=True),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert session.stdout is not None
    first = session.stdout.readline()
    gateway.cut_power()
    gateway.close_connection()
    session.kill()
    rest_of = session.stdout.read()
    session.wait()
    if not first or "finished" in first + rest_of:
        message = f"the apply was over before the power was: {first + rest_of}"
        raise LabError(message)
    return f"at the first change that the kernel told (`{' '.join(first.split()[:6])}`)"


def destroy(_lab: Lab) -> ScenarioResult:
    """Nothing is left."""
    vagrant("destroy", "--force", within_s=600)
    left = check(["virsh", "list", "--all", "--name"]).split()
    nets = check(["virsh", "net-list", "--all", "--name"]).split()
    disks = [each.name for each in Path("/var/lib/libvirt/images").glob("lbrouter-*")]
    text = f"machines {left or 'none'}, networks {nets or 'none'}, disks {disks or 'none'}"
    return ScenarioResult(text=text, passed=not left and not nets and not disks)
