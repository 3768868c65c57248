"""The life of a gateway: a reboot, a power cut, an upgrade, its removal and a new installation."""

import pytest

from lbrouter.rehearsal.lab.process import poll_until
from tests.image.console import CONFIG_PATH, log_in_to_gateway, run_checked, wait_until_up
from tests.image.emulated_pc import CARD_NAMES, EmulatedPc
from tests.image.pc_venue import PcVenue, first_reply_delay_s

pytestmark = pytest.mark.timeout(1500)

TRUNK_NAME = CARD_NAMES[2]
LATE_VLAN_TEXT = r'\n[vlans.late]\nid = 70\naddress = "10.10.70.1/24"\npolicy = "show"\n'
LEFTOVER_CHECKS = (
    "test -e /etc/lbrouter", "test -e /var/lib/lbrouter", "test -e /run/lbrouter",
    "test -e /usr/lib/lbrouter", "test -e /usr/share/lbrouter", "getent group lbrouter",
    "nft list table inet lbrouter", f"test -e /sys/class/net/{TRUNK_NAME}.10", "pgrep dnsmasq",
    "ip rule | grep -E '(proto|protocol) 76'", "ip route show table all | grep 'proto 76'",
    "tc qdisc | grep 4c01:", "find /etc/systemd -name 'lbrouter.service' | grep .",
)  # fmt: skip
"""Commands that find something of lbrouter's."""


def test_a_reboot_brings_it_back_by_itself_and_lets_nothing_in(
    running_gateway: EmulatedPc, pc_venue: PcVenue
) -> None:
    # Allow forwarding by hand, so that only the firewall can hold packets back.
    run_checked(running_gateway, "echo net.ipv4.ip_forward=1 >/etc/sysctl.d/99-forwards.conf")
    with pc_venue.uninvited_traffic() as packets:
        running_gateway.type_line("reboot")
        log_in_to_gateway(running_gateway)
        wait_until_up(running_gateway, 2)
        pc_venue.assert_client_online()
        inside, outside = packets.counts()
        assert outside > 100
        assert inside == 0
        # Nothing came in because the boot guard was there, not because the network was late.
        guard = "systemctl show -P ActiveState -P Result lbrouter-guard"
        assert sorted(run_checked(running_gateway, guard).split()) == ["active", "success"]
        # The control: with the firewall gone, they do come in.
        run_checked(running_gateway, "systemctl stop lbrouter && nft delete table inet lbrouter")
        assert poll_until(lambda: packets.counts()[0] > 0, within_s=30)
    run_checked(running_gateway, "systemctl start lbrouter")
    wait_until_up(running_gateway, 2)


def test_a_power_cut_amid_an_apply_heals(
    running_gateway: EmulatedPc, pc_venue: PcVenue, figures: dict[str, str]
) -> None:
    run_checked(running_gateway, f"printf '{LATE_VLAN_TEXT}' >>{CONFIG_PATH}; sync")
    running_gateway.type_line(f"(ip monitor link | grep -m 1 '{TRUNK_NAME}[.]70') & lbrouter apply")
    running_gateway.wait_for(rf"{TRUNK_NAME}\.70", within_s=300)
    running_gateway.power_off()
    with pc_venue.client_pings() as seen:
        running_gateway.power_on()
        log_in_to_gateway(running_gateway)
        wait_until_up(running_gateway, 2)
        answered = first_reply_delay_s(seen, since=running_gateway.started)
    assert answered is not None
    figures["from the power switch to the first answered ping"] = f"{answered:.0f} s"
    figures["systemd-analyze"] = run_checked(running_gateway, "systemd-analyze | head -n 1").strip()
    command = "systemd-analyze blame | grep lbrouter"
    figures["units"] = ", ".join(run_checked(running_gateway, command).split("\n")).strip(", ")
    figures["chain"] = run_checked(
        running_gateway, "systemd-analyze critical-chain lbrouter.service"
    ).strip()
    pc_venue.assert_client_online()
    assert run_checked(running_gateway, "lbrouter plan").strip() == "nothing to change"
    run_checked(running_gateway, f"test -e /sys/class/net/{TRUNK_NAME}.70")
    assert run_checked(running_gateway, "systemctl is-system-running --wait").strip() == "running"


def test_an_upgrade_keeps_the_file_and_every_flow(
    running_gateway: EmulatedPc, pc_venue: PcVenue
) -> None:
    client = pc_venue.venue.client("stream")
    identity = f"sha256sum <{CONFIG_PATH}; systemctl show -P MainPID lbrouter"
    before = run_checked(running_gateway, identity).split()
    held = client.hold_connections(count=10, interval_ms=100, timeout_ms=30_000)
    run_checked(running_gateway, "mount --read-only /dev/vdb /mnt")
    run_checked(
        running_gateway, "apt-get install --yes /mnt/lbrouter_*.deb </dev/null", within_s=500
    )
    wait_until_up(running_gateway, 2)
    rows = held.stop()
    assert [row["error"] for row in rows if row["error"]] == []
    assert min(row["received"] for row in rows) > 50
    after = run_checked(running_gateway, identity).split()
    assert after[0] == before[0]
    assert after[-1] != before[-1]
    assert (
        run_checked(running_gateway, "dpkg-query -W -f '${Version}' lbrouter")
        .strip()
        .endswith("+1")
    )
    assert run_checked(running_gateway, "lbrouter plan").strip() == "nothing to change"


def test_purged_it_leaves_nothing_behind(running_gateway: EmulatedPc) -> None:
    there = "dpkg -L lbrouter | while read -r f; do test -d $f || ls $f; done 2>/dev/null"
    run_checked(running_gateway, f"({there}) >/root/files; test -s /root/files")
    missed = [each for each in LEFTOVER_CHECKS if running_gateway.run(f"{each} >/dev/null 2>&1")[0]]
    assert missed in ([], ["tc qdisc | grep 4c01:"])  # each finds something while it is installed
    run_checked(running_gateway, "apt-get purge --yes lbrouter </dev/null")
    found = [
        each for each in LEFTOVER_CHECKS if running_gateway.run(f"{each} >/dev/null 2>&1")[0] == 0
    ]
    assert found == []
    assert run_checked(running_gateway, "xargs ls </root/files 2>/dev/null | wc -l").strip() == "0"


def test_installed_anew_three_commands_make_a_gateway(
    running_gateway: EmulatedPc, pc_venue: PcVenue
) -> None:
    run_checked(
        running_gateway, "apt-get install --yes /mnt/lbrouter_*.deb </dev/null", within_s=500
    )
    assert f"written: {CONFIG_PATH}" in run_checked(running_gateway, "lbrouter init --yes")
    run_checked(running_gateway, "systemctl start lbrouter")
    wait_until_up(running_gateway, 2)
    pc_venue.assert_client_online()
