"""What becomes of a gateway: a reboot, a power cut, an upgrade, its removal and a new beginning."""

import pytest

from lbrouter.rehearsal.lab.process import settles
from tests.image.console import FILE, come_back, must, until_up
from tests.image.emulated_pc import PORTS, Computer
from tests.image.pc_venue import World, first_answer

pytestmark = pytest.mark.timeout(1500)

TRUNK = PORTS[2]
LATE = r'\n[vlans.late]\nid = 70\naddress = "10.10.70.1/24"\npolicy = "show"\n'
LEFT = (
    "test -e /etc/lbrouter", "test -e /var/lib/lbrouter", "test -e /run/lbrouter",
    "test -e /usr/lib/lbrouter", "test -e /usr/share/lbrouter", "getent group lbrouter",
    "nft list table inet lbrouter", f"test -e /sys/class/net/{TRUNK}.10", "pgrep dnsmasq",
    "ip rule | grep -E '(proto|protocol) 76'", "ip route show table all | grep 'proto 76'",
    "tc qdisc | grep 4c01:", "find /etc/systemd -name 'lbrouter.service' | grep .",
)  # fmt: skip
"""Commands that find something of lbrouter's."""


def test_a_reboot_brings_it_back_by_itself_and_lets_nothing_in(
    working: Computer, world: World
) -> None:
    # Whatever somebody has set: nothing but the firewall may stand between.
    must(working, "echo net.ipv4.ip_forward=1 >/etc/sysctl.d/99-forwards.conf")
    with world.knocked() as knocks:
        working.type("reboot")
        come_back(working)
        until_up(working, 2)
        world.answered()
        inside, outside = knocks.counts()
        assert outside > 100
        assert inside == 0
        # Nothing came in for the guard was there, not for the network was late.
        guard = "systemctl show -P ActiveState -P Result lbrouter-guard"
        assert sorted(must(working, guard).split()) == ["active", "success"]
        # The control: with the firewall gone, they do come in.
        must(working, "systemctl stop lbrouter && nft delete table inet lbrouter")
        assert settles(lambda: knocks.counts()[0] > 0, within_s=30)
    must(working, "systemctl start lbrouter")
    until_up(working, 2)


def test_a_power_cut_amid_an_apply_heals(
    working: Computer, world: World, figures: dict[str, str]
) -> None:
    must(working, f"printf '{LATE}' >>{FILE}; sync")
    working.type(f"(ip monitor link | grep -m 1 '{TRUNK}[.]70') & lbrouter apply")
    working.wait_for(rf"{TRUNK}\.70", within_s=300)
    working.power_off()
    with world.asked() as seen:
        working.power_on()
        come_back(working)
        until_up(working, 2)
        answered = first_answer(seen, since=working.started)
    assert answered is not None
    figures["from the power switch to the first answered ping"] = f"{answered:.0f} s"
    figures["systemd-analyze"] = must(working, "systemd-analyze | head -n 1").strip()
    blame = "systemd-analyze blame | grep lbrouter"
    figures["units"] = ", ".join(must(working, blame).split("\n")).strip(", ")
    figures["chain"] = must(working, "systemd-analyze critical-chain lbrouter.service").strip()
    world.answered()
    assert must(working, "lbrouter plan").strip() == "nothing to change"
    must(working, f"test -e /sys/class/net/{TRUNK}.70")
    assert must(working, "systemctl is-system-running --wait").strip() == "running"


def test_an_upgrade_keeps_the_file_and_every_flow(working: Computer, world: World) -> None:
    client = world.venue.client("stream")
    identity = f"sha256sum <{FILE}; systemctl show -P MainPID lbrouter"
    before = must(working, identity).split()
    held = client.hold(count=10, interval_ms=100, timeout_ms=30_000)
    must(working, "mount --read-only /dev/vdb /mnt")
    must(working, "apt-get install --yes /mnt/lbrouter_*.deb </dev/null", within_s=500)
    until_up(working, 2)
    rows = held.stop()
    assert [row["error"] for row in rows if row["error"]] == []
    assert min(row["received"] for row in rows) > 50
    after = must(working, identity).split()
    assert after[0] == before[0]
    assert after[-1] != before[-1]
    assert must(working, "dpkg-query -W -f '${Version}' lbrouter").strip().endswith("+1")
    assert must(working, "lbrouter plan").strip() == "nothing to change"


def test_purged_it_leaves_nothing_behind(working: Computer) -> None:
    there = "dpkg -L lbrouter | while read -r f; do test -d $f || ls $f; done 2>/dev/null"
    must(working, f"({there}) >/root/files; test -s /root/files")
    missed = [each for each in LEFT if working.run(f"{each} >/dev/null 2>&1")[0]]
    assert missed in ([], ["tc qdisc | grep 4c01:"])  # each finds something while it is installed
    must(working, "apt-get purge --yes lbrouter </dev/null")
    found = [each for each in LEFT if working.run(f"{each} >/dev/null 2>&1")[0] == 0]
    assert found == []
    assert must(working, "xargs ls </root/files 2>/dev/null | wc -l").strip() == "0"


def test_installed_anew_three_commands_make_a_gateway(working: Computer, world: World) -> None:
    must(working, "apt-get install --yes /mnt/lbrouter_*.deb </dev/null", within_s=500)
    assert f"written: {FILE}" in must(working, "lbrouter init --yes")
    must(working, "systemctl start lbrouter")
    until_up(working, 2)
    world.answered()
