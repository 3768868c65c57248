"""The acts: what is done to the five machines, and what must be seen of it."""

import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.vagrant.lab import ROOT, Lab, LabError, Machine, check, until, vagrant
from tests.vagrant.traffic import Traffic, counted, forget

EVENT = (ROOT / "vagrant/event.toml").read_text(encoding="utf-8")
CHANGED = EVENT.replace("isp-a = 70, isp-b = 30", "isp-a = 60, isp-b = 40").replace(
    'upload    = "20mbit"', 'upload    = "16mbit"'
)
"""What is applied first, and holds for all acts but the last."""

FILE = "/etc/lbrouter/lbrouter.toml"
UP_S, FLOWS, TOLERANCE = 2400.0, 200, 5.0
SHARES = {"isp-a": 60, "isp-b": 40}
SURVIVES_S = 15.0
"""The longest silence that the stream may have: many times what a real machine is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an act showed, in words, and whether it is what was wanted."""

    text: str
    good: bool


Act = Callable[[Lab, Traffic], Seen]


def up(lab: Lab) -> Seen:
    """All machines are made, started and provisioned; nothing stands that is not wanted."""
    vagrant("up", within_s=UP_S)
    lab.learn()
    until(lab.all_up, "both uplinks are up", pause_s=3)
    version = lab.gateway.sh("dpkg-query -W -f '${Version}' lbrouter")
    failed = lab.gateway.sh("systemctl --failed --no-legend --plain | cut -d ' ' -f 1").split()
    units = ", ".join(failed) or "none"
    text = f"lbrouter {version} installed, both uplinks up, failed units: {units}"
    return Seen(text=text, good=not failed)


def apply(lab: Lab, _traffic: Traffic) -> Seen:
    """A changed file is applied by the daemon, and then there is nothing left to change.

    Asked until it is so: while a line is under suspicion, new flows avoid it and `plan` says so.
    """
    lab.gateway.put_text(CHANGED, FILE)
    last = lab.gateway.sh("lbrouter apply").strip().splitlines()[-1]
    settled(lab)
    shares = lab.status()["policies"]["spread"]["shares"]
    text = f"{last}; then `plan`: nothing to change; shares {words(shares)}"
    return Seen(text=text, good=shares == SHARES)


def words(shares: dict[str, float]) -> str:
    """As people say it."""
    return ", ".join(f"{name} {share:.1f} %" for name, share in shares.items())


def balance(lab: Lab, traffic: Traffic) -> Seen:
    """Flows of the guests, counted at the providers."""
    forget(lab)
    failed = [row["error"] for row in traffic.flows(FLOWS) if row["error"]]
    found = counted(lab)
    parts = {name: 100 * found[name] / FLOWS for name in SHARES}
    near = all(abs(parts[name] - SHARES[name]) <= TOLERANCE for name in SHARES)
    once = sum(found.values()) == FLOWS
    return Seen(
        text=f"{words(parts)} of {FLOWS} flows; {len(failed)} failed",
        good=near and once and not failed,
    )


def link_down(lab: Lab, traffic: Traffic) -> Seen:
    """The cable of the line that carries the stream is pulled, and plugged in again."""
    card = lab.gateway.card("00:01")

    def pull() -> None:
        lab.gateway.link(card, up=False)

    return outage(lab, traffic, pull, lambda: lab.gateway.link(card, up=True))


def black_hole(lab: Lab, traffic: Traffic) -> Seen:
    """The same line swallows everything while its carrier stays."""
    chain = "type filter hook prerouting priority -300; iifname line drop;"
    rules = f"table inet hole {{ chain swallow {{ {chain} }}; }}"

    def swallow() -> None:
        lab.isp_a.sh(f"nft {shlex.quote(rules)}")

    return outage(lab, traffic, swallow, lambda: lab.isp_a.sh("nft delete table inet hole"))


def outage(
    lab: Lab, traffic: Traffic, begin: Callable[[], None], end: Callable[[], object]
) -> Seen:
    """isp-a dies under the stream, which goes on by isp-b; new flows come back later."""
    until(lab.all_up, "both uplinks are up", pause_s=3)
    until(lambda: traffic.new_by() == "isp-a", "new flows of the stream go by isp-a")
    renew(traffic, "isp-a")
    traffic.calm()
    begin()
    try:
        until(lambda: traffic.by("isp-b"), "the stream runs by isp-b", within_s=120, pause_s=0.1)
        gaps, rows = traffic.gaps(), traffic.look().values()
        state = until(lambda: lab.states().get("isp-a"), "the gateway tells its state")
    finally:
        end()
    until(lab.all_up, "both uplinks are up again", pause_s=3)
    back = until(lambda: traffic.new_by() == "isp-a", "new flows are back on isp-a")
    good = back and state == "down" and all(row["gap_s"] <= SURVIVES_S for row in rows)
    return Seen(text=f"{gaps}; isp-a {state}, and new flows back on it after the repair", good=good)


def renew(traffic: Traffic, line: str) -> None:
    """A stream that another outage has moved begins anew, and goes where new flows go."""
    if not traffic.by(line):
        traffic.restart()
    until(lambda: traffic.by(line), f"the stream runs by {line}")


def reboot(lab: Lab, traffic: Traffic) -> Seen:
    """The gateway restarts, and nobody touches it."""
    before = state_of(lab.gateway)
    traffic.calm()
    began = time.monotonic()
    lab.gateway.try_("systemctl reboot")
    lab.gateway.hang_up()
    until(lambda: not traffic.alive(), "the stream stops", within_s=120)
    until(traffic.alive, "the stream runs again", within_s=900)
    took, gaps = time.monotonic() - began, traffic.gaps()
    settled(lab)
    same = state_of(lab.gateway) == before
    analysed = lab.gateway.sh("systemd-analyze | head -n 1").strip()
    text = f"the stream runs again {took:.0f} s after the order ({gaps})"
    text += f"; state {sameness(same)}; {analysed}"
    return Seen(text=text, good=same)


def settled(lab: Lab) -> None:
    """The gateway is reached, both uplinks are up, and `plan` finds nothing to do."""
    until(lab.gateway.answers, "the gateway lets one in", within_s=900)
    until(lab.all_up, "both uplinks are up", pause_s=3)
    until(lambda: lab.gateway.try_("lbrouter plan").returncode == 0, "`plan` finds nothing to do")


def sameness(same: bool) -> str:  # noqa: FBT001  # a word for a table
    """In words."""
    return "the same" if same else "CHANGED"


def state_of(gateway: Machine) -> str:
    """What the kernel holds of ours, without counters and what comes and goes with the flows."""
    return gateway.sh(
        "nft -s -t list table inet lbrouter; ip rule; ip route show table all proto 76 | sort;"
        " tc qdisc show | cut -d ' ' -f 2-5 | sort; ip -br address show scope global"
    )


def cut_session(lab: Lab, traffic: Traffic) -> Seen:
    """On trial: new flows of the stream by isp-b. The technician's line dies, nobody confirms."""
    gateway = lab.gateway
    before = state_of(gateway)
    trial = CHANGED.replace('["isp-a", "isp-b"]', '["isp-b", "isp-a"]')
    gateway.put_text(trial, "/root/trial.toml")
    card = gateway.card("lbrouter-vagrant")
    until(lambda: traffic.new_by() == "isp-a", "new flows of the stream go by isp-a")
    command = "lbrouter --config /root/trial.toml apply --confirm-within 60s && cat"
    session = subprocess.Popen(
        gateway.ssh(command, alone=True), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        until(lambda: traffic.new_by() == "isp-b", "the trial has begun")
        began = time.monotonic()
        gateway.link(card, up=False)
    finally:
        session.kill()
        session.wait()
    try:
        until(lambda: traffic.new_by() == "isp-a", "it is rolled back", within_s=240)
        took = time.monotonic() - began
    finally:
        gateway.link(card, up=True)
    gateway.hang_up()
    settled(lab)
    same = state_of(gateway) == before
    text = f"with the line still cut, rolled back {took:.0f} s later; state {sameness(same)}"
    return Seen(text=text, good=same)


def power_cut(lab: Lab, traffic: Traffic) -> Seen:
    """The power fails at the first change of an apply; the next boot brings what the file says."""
    gateway = lab.gateway
    gateway.put_text(EVENT, FILE)
    amid = cut_at_first_change(gateway)
    until(lambda: not traffic.alive(), "the stream stops", within_s=120)
    began = time.monotonic()
    gateway.power_on()
    until(traffic.alive, "the stream runs again", within_s=900)
    took = time.monotonic() - began
    settled(lab)
    shares = lab.status()["policies"]["spread"]["shares"]
    text = f"power cut {amid}; the stream runs {took:.0f} s after power-on"
    text += f"; `plan`: nothing to change; shares {words(shares)}, as the new file says"
    return Seen(text=text, good=shares == {"isp-a": 70, "isp-b": 30})


def cut_at_first_change(gateway: Machine) -> str:
    """Start an apply, and pull the plug when the kernel reports a change; how far it was."""
    command = (
        "nft monitor & tc monitor & ip monitor rule route link & lbrouter apply; echo finished"
    )
    session = subprocess.Popen(
        gateway.ssh(command, alone=True),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert session.stdout is not None
    first = session.stdout.readline()
    gateway.cut_power()
    gateway.hang_up()
    session.kill()
    rest_of = session.stdout.read()
    session.wait()
    if not first or "finished" in first + rest_of:
        message = f"the apply was over before the power was: {first + rest_of}"
        raise LabError(message)
    return f"at the first change that the kernel told (`{' '.join(first.split()[:6])}`)"


def destroy(_lab: Lab) -> Seen:
    """Nothing is left."""
    vagrant("destroy", "--force", within_s=600)
    left = check(["virsh", "list", "--all", "--name"]).split()
    nets = check(["virsh", "net-list", "--all", "--name"]).split()
    disks = [each.name for each in Path("/var/lib/libvirt/images").glob("lbrouter-*")]
    text = f"machines {left or 'none'}, networks {nets or 'none'}, disks {disks or 'none'}"
    return Seen(text=text, good=not left and not nets and not disks)
