"""Five machines under Vagrant, and what a technician can do: SSH, cables, the power switch."""

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
AGENTS = ROOT / "lbrouter/rehearsal/agents"
STATE_FOLDER = ROOT / ".cache/vagrant"
SSH_SOCKETS_FOLDER = Path("/run/lbrouter-ssh")
MACHINES = ("internet", "isp-a", "isp-b", "client", "gateway")
ASK_SCRIPT_PATH = "/root/ask.py"
DOMAIN_PREFIX = "lbrouter-"
"""Of the machines' names in libvirt, as the Vagrantfile gives it."""

COMMAND_TIMEOUT_S = 300.0
"""For one command in a machine, or for one condition: its processor is emulated."""

Found = TypeVar("Found")


class LabError(Exception):
    """A command that had to work did not."""


def log_progress(text: str) -> None:
    """Print progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def wait_until(
    ask: Callable[[], Found],
    what: str,
    *,
    within_s: float = COMMAND_TIMEOUT_S,
    pause_s: float = 1.0,
) -> Found:
    """Ask until the answer is true; LabError when it never becomes so."""
    deadline = time.monotonic() + within_s
    while not (found := ask()):
        if time.monotonic() > deadline:
            message = f"{what}: not within {within_s:.0f} s (last answer: {found!r})"
            raise LabError(message)
        pause(pause_s)
    return found


def pause(seconds: float) -> None:
    """Leave the processors to the machines for a moment between two checks."""
    threading.Event().wait(seconds)


def run(
    argv: list[str], *, within_s: float = COMMAND_TIMEOUT_S
) -> subprocess.CompletedProcess[str]:
    """A command on this host, in the lab's namespaces; it may fail."""
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=within_s,
        )
    except subprocess.TimeoutExpired as stuck:
        return subprocess.CompletedProcess(argv, 124, "", f"no end within {stuck.timeout:.0f} s")


def check(argv: list[str], *, within_s: float = COMMAND_TIMEOUT_S) -> str:
    """The same; LabError when it fails."""
    done = run(argv, within_s=within_s)
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-3000:]
        message = f"{shlex.join(argv)}: exit code {done.returncode}\n{said}"
        raise LabError(message)
    return done.stdout


def vagrant(*words: str, within_s: float) -> str:
    """Vagrant, its output kept in .cache/vagrant/vagrant.log."""
    done = run(["vagrant", *words], within_s=within_s)
    with (STATE_FOLDER / "vagrant.log").open("a", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
    if done.returncode != 0:
        message = f"vagrant {' '.join(words)}: exit code {done.returncode}\n{done.stderr[-3000:]}"
        raise LabError(message)
    return done.stdout


class RemoteProgram:
    """A program in a machine that answers each line with a line of JSON."""

    def __init__(self, argv: list[str]) -> None:
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def read_reply(self) -> Any:
        """The next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            message = f"{shlex.join(map(str, self.process.args))} ended"  # type: ignore[arg-type]
            raise LabError(message)
        return json.loads(line)

    def ask(self, word: str) -> Any:
        """One question, one answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.read_reply()

    def close(self) -> None:
        """The end of its standard input ends it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class VagrantMachine:
    """One of the five."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.domain = DOMAIN_PREFIX + name
        self.config = STATE_FOLDER / f"ssh.{name}"

    def write_ssh_config(self) -> None:
        """How to log in."""
        SSH_SOCKETS_FOLDER.mkdir(mode=0o700, exist_ok=True)
        self.config.write_text(vagrant("ssh-config", self.name, within_s=120), encoding="utf-8")

    def ssh_argv(self, command: str, *, alone: bool = False) -> list[str]:
        """The command line that runs `command` there as root, by the common connection or alone."""
        shared = ["-o", "ControlMaster=auto", "-o", "ControlPersist=3600"]
        return [
            "ssh", "-F", str(self.config), "-o", "ConnectTimeout=20",
            "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4",
            "-o", f"ControlPath={SSH_SOCKETS_FOLDER}/{'none' if alone else self.name}",
            *(() if alone else shared), self.name, f"sudo -n sh -c {shlex.quote(command)}",
        ]  # fmt: skip

    def run_shell(
        self, command: str, *, within_s: float = COMMAND_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """A shell command as root; it may fail."""
        return run(self.ssh_argv(command), within_s=within_s)

    def check_shell(self, command: str, *, within_s: float = COMMAND_TIMEOUT_S) -> str:
        """A shell command as root that must work."""
        return check(self.ssh_argv(command), within_s=within_s)

    def close_connection(self) -> None:
        """Close the shared connection: the machine is about to stop, or has stopped."""
        run(["ssh", "-F", str(self.config), "-o", f"ControlPath={SSH_SOCKETS_FOLDER}/{self.name}",
             "-O", "exit", self.name], within_s=20)  # fmt: skip

    def is_reachable(self) -> bool:
        """Whether one can log in."""
        return self.run_shell("true", within_s=60).returncode == 0

    def copy_file(self, source: Path, target: str) -> None:
        """Copy a file there."""
        argv = self.ssh_argv(f"cat >{shlex.quote(target)}")
        with source.open("rb") as data:
            subprocess.run(
                argv, stdin=data, check=True, capture_output=True, timeout=COMMAND_TIMEOUT_S
            )

    def write_file(self, text: str, target: str) -> None:
        """Write a file there, and to its disk."""
        self.check_shell(f"printf %s {shlex.quote(text)} >{target}; sync")

    def card_mac(self, network: str) -> str:
        """The hardware address of the card on a libvirt network, or of that ending."""
        rows = [
            line.split() for line in check(["virsh", "domiflist", self.domain]).splitlines()[2:]
        ]
        found = [
            row[4]
            for row in rows
            if len(row) == 5 and (row[2] == network or row[4].endswith(network))
        ]
        if len(found) != 1:
            message = f"{self.domain} has no card {network}: {rows}"
            raise LabError(message)
        return found[0]

    def set_link(self, card: str, *, up: bool) -> None:
        """Plug a card's cable in, or pull it."""
        check(["virsh", "domif-setlink", self.domain, card, "up" if up else "down"])

    def cut_power(self) -> None:
        """The plug is pulled."""
        check(["virsh", "destroy", self.domain])

    def power_on(self) -> None:
        """And plugged in again."""
        check(["virsh", "start", self.domain])


class Lab:
    """All of them."""

    def __init__(self) -> None:
        self.internet, self.isp_a, self.isp_b, self.client, self.gateway = map(
            VagrantMachine, MACHINES
        )

    def machines(self) -> list[VagrantMachine]:
        """In the order of MACHINES."""
        return [self.internet, self.isp_a, self.isp_b, self.client, self.gateway]

    def prepare_access(self) -> None:
        """How to log in to each, and what asks the gateway's daemon."""
        for machine in self.machines():
            machine.write_ssh_config()
        self.gateway.copy_file(Path(__file__).with_name("ask_daemon.py"), ASK_SCRIPT_PATH)

    def status(self) -> dict[str, Any]:
        """The gateway's status; {} when it does not answer."""
        done = self.gateway.run_shell(f"python3 -I -S {ASK_SCRIPT_PATH} status", within_s=60)
        if done.returncode != 0:
            return {}
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def states(self) -> dict[str, str]:
        """The uplinks' states."""
        return {name: each["state"] for name, each in self.status().get("uplinks", {}).items()}

    def all_up(self) -> bool:
        """Whether both lines carry."""
        found = list(self.states().values())
        return len(found) == 2 and set(found) == {"up"}


def keep_machines() -> bool:
    """Whether the machines exist already and shall stay: for work on these tests."""
    return "LBROUTER_VAGRANT_KEEP" in os.environ
