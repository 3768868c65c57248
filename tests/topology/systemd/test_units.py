"""The units under a real systemd: who runs what, with which rights, and what outlives whom."""

from collections.abc import Iterator

import pytest

from tests.kit.systemd_machine import SystemdMachine, why_no_systemd_machine
from tests.kit.wait import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_no_systemd_machine()), reason=why_no_systemd_machine()),
]

DNSMASQ_UNIT = "lbrouter-dnsmasq.service"
CONFIG = """
[gateway]
name = "units"
dns = ["9.9.9.9"]

[health]
targets = ["icmp://203.0.113.1"]
interval = "200ms"
down_after = "1s"
up_after = "1s"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"

[vlans.guests]
port = "lan1"
address = "10.10.40.1/24"
policy = "show"
dhcp = { range = "10.10.40.20-10.10.40.30", lease = "2h" }

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]
"""
LINKS = """
for name in wan1 wan2 lan1; do
    ip link add $name type veth peer name far-$name
    ip link set $name up
    ip link set far-$name up
done
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemdMachine]:
    with SystemdMachine(tmp_path_factory.mktemp("machine")) as booted:
        booted.check(LINKS)
        booted.write("/etc/lbrouter/lbrouter.toml", CONFIG)
        booted.check("systemctl start lbrouter.service")
        assert eventually(lambda: booted.unit_pid(DNSMASQ_UNIT) > 0, within_s=30)
        yield booted


def process_status(machine: SystemdMachine, pid: int) -> dict[str, str]:
    """The rows of /proc/PID/status."""
    rows = (line.partition(":") for line in machine.check(f"cat /proc/{pid}/status").splitlines())
    return {key: value.strip() for key, _, value in rows}


def answers(machine: SystemdMachine) -> bool:
    return "10.10.40.1:53" in machine.check("ss --listening --udp --numeric --no-header")


def test_dnsmasq_runs_apart_as_a_user_of_its_own(machine: SystemdMachine) -> None:
    pid = machine.unit_pid(DNSMASQ_UNIT)
    user = machine.check("id --user lbrouter-dnsmasq").strip()
    assert process_status(machine, pid)["Uid"].split() == [user] * 4
    assert answers(machine)
    group = machine.check(f"cat /proc/{pid}/cgroup").strip()
    assert group.endswith(f"system.slice/{DNSMASQ_UNIT}")
    daemon = machine.unit_pid("lbrouter.service")
    assert machine.check(
        "cat /sys/fs/cgroup/system.slice/lbrouter.service/cgroup.procs"
    ).split() == [str(daemon)]
    assert machine.check("lbrouter plan; systemctl is-active lbrouter") == (
        "nothing to change\nactive\n"
    )


def test_the_daemon_has_two_rights_and_sees_no_other_process(machine: SystemdMachine) -> None:
    status = process_status(machine, machine.unit_pid("lbrouter.service"))
    net_admin, net_raw = 1 << 12, 1 << 13
    for key in ("CapPrm", "CapEff", "CapBnd"):
        assert int(status[key], 16) == net_admin | net_raw
    assert status["NoNewPrivs"] == "1"
    assert "status" in machine.check("lbrouter status --json; echo status")


def test_a_daemon_that_starts_again_leaves_dnsmasq_alone(machine: SystemdMachine) -> None:
    before, daemon = machine.unit_pid(DNSMASQ_UNIT), machine.unit_pid("lbrouter.service")
    machine.check("systemctl restart lbrouter.service")
    assert machine.unit_pid("lbrouter.service") != daemon
    assert "nothing to change" in machine.check("lbrouter plan")
    assert machine.unit_pid(DNSMASQ_UNIT) == before
    machine.check("systemctl kill --signal=KILL lbrouter.service")
    assert eventually(lambda: machine.unit_pid("lbrouter.service") not in (0, daemon), within_s=20)
    assert machine.unit_pid(DNSMASQ_UNIT) == before
    assert answers(machine)


def test_a_dnsmasq_that_ends_is_started_again(machine: SystemdMachine) -> None:
    before = machine.unit_pid(DNSMASQ_UNIT)
    machine.check(f"kill -9 {before}")
    assert eventually(lambda: machine.unit_pid(DNSMASQ_UNIT) not in (0, before), within_s=15)
    assert eventually(lambda: answers(machine))


def test_another_users_words_are_not_the_unit(machine: SystemdMachine) -> None:
    """A process of nobody's, with our command line, stands beside the unit and changes nothing."""
    before = machine.unit_pid(DNSMASQ_UNIT)
    words = "--conf-file=/run/lbrouter/dnsmasq.conf --pid-file=/run/lbrouter/dnsmasq.pid"
    # A shell that waits for a line keeps the words as its own arguments.
    decoy = f"setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'read x' dnsmasq {words}"
    machine.check(f"mkfifo -m 666 /tmp/never; {decoy} <>/tmp/never >/dev/null 2>&1 &")
    machine.check(f"kill -9 {before}")
    assert eventually(lambda: machine.unit_pid(DNSMASQ_UNIT) not in (0, before), within_s=15)
    machine.check("pgrep --uid 65534 --full dnsmasq.conf")
    machine.check("systemctl restart lbrouter.service; pgrep --uid 65534 --full dnsmasq.conf")


def test_what_dnsmasq_says_of_its_start_is_told(machine: SystemdMachine) -> None:
    machine.check("systemctl stop lbrouter.service && lbrouter down")
    assert machine.unit_pid(DNSMASQ_UNIT) == 0
    machine.check("ip addr add 10.10.40.1/24 dev lan1")
    taker = "import socket,time; s=socket.socket(2,2); s.bind(('10.10.40.1',53)); time.sleep(999)"
    machine.check(f'systemd-run --quiet --unit=taker python3 -c "{taker}"')
    assert eventually(lambda: answers(machine))
    done = machine.run("lbrouter apply")
    assert done.returncode == 75
    assert "dnsmasq does not start: dnsmasq: failed to create listening socket" in done.stderr
    assert "ss -lntup" in done.stderr
    machine.check("systemctl stop taker")
    machine.check("lbrouter apply")
    assert machine.unit_pid(DNSMASQ_UNIT) > 0
    machine.check("systemctl start lbrouter.service")


def test_a_change_that_is_not_confirmed_is_undone_though_the_daemon_is_confined(
    machine: SystemdMachine,
) -> None:
    """The process that undoes it is a unit: it would else end with the daemon."""
    wider = CONFIG.replace('"10.10.40.1/24"', '"10.10.40.1/23"')
    machine.write("/etc/lbrouter/other.toml", wider)
    machine.check("lbrouter --config /etc/lbrouter/other.toml apply --confirm-within 15s")
    assert "lbrouter-confirm-" in machine.check("systemctl list-units --no-legend 'lbrouter-*'")
    assert machine.run("lbrouter plan").returncode == 2
    machine.check("systemctl kill --signal=KILL lbrouter.service")
    assert eventually(lambda: machine.run("lbrouter plan").returncode == 0, within_s=60)
    assert "10.10.40.1/24" in machine.check("ip -4 address show dev lan1")
