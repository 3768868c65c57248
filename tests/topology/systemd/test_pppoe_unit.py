"""A PPPoE session whose pppd runs in its unit: with its rights and filters alone."""

from pathlib import Path

import pytest

from tests.kit.systemd_machine import SystemdMachine, why_no_systemd_machine
from tests.kit.wait import eventually

pytestmark = [
    pytest.mark.needs("pppoe"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(why_no_systemd_machine()), reason=why_no_systemd_machine()),
]

SECRET = "planted-line-password"
UNIT = "lbrouter-pppd@dsl.service"
CONFIG = """
[gateway]
name = "dialled"

[uplinks.dsl]
interface = "wan1"
address = "pppoe"
username = "me@isp"
password_file = "/etc/lbrouter/dsl.secret"

[uplinks.lte]
interface = "wan2"
address = "203.0.113.2/30"
gateway = "203.0.113.1"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "show"
manage = true

[policies.show]
mode = "failover"
uplinks = ["dsl", "lte"]
"""
LINKS = """
ip netns add isp
for name in wan1 wan2 lan1; do
    ip link add $name type veth peer name far-$name
    ip link set $name up
    ip link set far-$name up
done
ip link set far-wan1 netns isp
ip -n isp link set far-wan1 name line up
"""
PROVIDER_UNIT = """
[Service]
NetworkNamespacePath=/run/netns/isp
BindPaths=/run/provider:/etc/ppp
ExecStart=/usr/sbin/pppoe-server -F -I line -L 198.51.100.1 -R 198.51.100.2 -N 5 -O /etc/ppp/server
"""
SERVER_OPTIONS = "auth\nrequire-chap\nmtu 1492\nmru 1492\nnodefaultroute\nnoccp\nnovj\n"


def test_a_session_stands_with_two_rights_and_ends(tmp_path: Path) -> None:
    with SystemdMachine(tmp_path) as machine:
        machine.check(LINKS)
        machine.check("mkdir /run/provider")
        machine.write("/run/provider/options", "")
        machine.write("/run/provider/server", SERVER_OPTIONS)
        machine.write("/run/provider/chap-secrets", f'"me@isp" * "{SECRET}" *\n')
        machine.write("/etc/systemd/system/provider.service", PROVIDER_UNIT)
        machine.write("/etc/lbrouter/dsl.secret", f"{SECRET}\n")
        machine.write("/etc/lbrouter/lbrouter.toml", CONFIG)
        machine.check("systemctl daemon-reload && systemctl start provider")
        machine.check("lbrouter apply")
        assert eventually(lambda: has_session(machine), within_s=60), told(machine)
        pid = session_pid(machine)
        assert machine.check(f"cat /proc/{pid}/cgroup").strip().endswith(f"system.slice/{UNIT}")
        status = machine.check(f"cat /proc/{pid}/status")
        rights = next(line for line in status.splitlines() if line.startswith("CapPrm"))
        assert int(rights.split()[1], 16) == 1 << 12 | 1 << 13
        assert "nothing to change" in machine.check("lbrouter plan")
        assert machine.run(f"grep --recursive {SECRET} /proc/[0-9]*/cmdline").returncode == 1
        assert SECRET not in told(machine)
        machine.check("lbrouter down")
        assert session_pid(machine) == 0
        assert not has_session(machine)


def session_pid(machine: SystemdMachine) -> int:
    found = machine.run(f"cat /sys/fs/cgroup/system.slice/{UNIT}/cgroup.procs").stdout.split()
    return int(found[0]) if found else 0


def has_session(machine: SystemdMachine) -> bool:
    return "198.51.100.2" in machine.run("ip -4 address show dev ppp-dsl").stdout


def told(machine: SystemdMachine) -> str:
    """What a technician would look at."""
    return machine.run(
        "lbrouter status; lbrouter events --limit 50; cat /run/lbrouter/ppp-dsl.log"
        " /run/lbrouter/ppp-dsl.error; journalctl --no-pager"
    ).stdout
