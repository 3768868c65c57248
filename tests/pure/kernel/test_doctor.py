"""Neighbours recognised by their files, and features by what a file asks for."""

from pathlib import Path

from lbrouter.kernel.doctor import required, wanted
from lbrouter.kernel.read.conflicting_software import Neighbour, neighbours
from tests.kit.builders import TWO_LINES, config_of


def machine(root: Path, *processes: str, **files: str) -> dict[str, Neighbour]:
    """Neighbours on a machine that has these processes and files (path: text)."""
    for number, name in enumerate(processes, start=1):
        write(root / f"proc/{number}/comm", f"{name}\n")
    for path, text in files.items():
        write(root / path, text)
    return {each.name: each for each in neighbours(root)}


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_an_empty_machine_has_no_neighbours(tmp_path: Path) -> None:
    assert machine(tmp_path) == {}


def test_networkd_is_trouble_until_all_three_keys_say_no(tmp_path: Path) -> None:
    dropin = "etc/systemd/networkd.conf.d/lbrouter.conf"
    two = "[Network]\nManageForeignRoutes=no\nManageForeignNextHops = no\n"
    found = machine(tmp_path, "systemd-network", **{dropin: two})["systemd-networkd"]
    assert "ManageForeignRoutingPolicyRules" in found.trouble
    assert "ManageForeignRoutes," not in found.trouble
    three = f"{two}ManageForeignRoutingPolicyRules=false\n"
    assert machine(tmp_path, **{dropin: three})["systemd-networkd"].trouble == ""


def test_a_comment_is_no_setting(tmp_path: Path) -> None:
    commented = "[Network]\n#ManageForeignRoutes=no\n"
    found = machine(tmp_path, "systemd-network", **{"etc/systemd/networkd.conf": commented})[
        "systemd-networkd"
    ]
    assert "ManageForeignRoutes" in found.trouble


def test_network_manager_is_trouble_unless_told_to_leave_interfaces_alone(tmp_path: Path) -> None:
    assert machine(tmp_path, "NetworkManager")["NetworkManager"].trouble
    told = {"etc/NetworkManager/conf.d/lbrouter.conf": "[keyfile]\nunmanaged-devices=enp1s0\n"}
    assert not machine(tmp_path, **told)["NetworkManager"].trouble


def test_those_who_drop_what_is_forwarded(tmp_path: Path) -> None:
    found = machine(
        tmp_path, "dockerd", "firewalld", "bash", **{"etc/ufw/ufw.conf": "ENABLED=yes\n"}
    )
    assert found.keys() == {"Docker", "firewalld", "ufw"}
    assert all(each.trouble and each.remedy for each in found.values())


def test_a_ufw_that_is_off_is_no_trouble(tmp_path: Path) -> None:
    assert machine(tmp_path, **{"etc/ufw/ufw.conf": "ENABLED=no\n"}) == {}


def test_only_what_the_file_asks_for_is_required() -> None:
    plain = config_of(
        TWO_LINES.replace("upload = ", "#upload = ").replace("download = ", "#down = ")
    )
    assert required(None) == required(plain) == {"nft", "nft_nat"}
    assert required(config_of(TWO_LINES)) == {"nft", "nft_nat", "htb", "u32"}
    tagged = TWO_LINES.replace('port = "lan2"', "id = 40") + '[lan]\ntrunk = "lan9"\n'
    assert "vlan" in required(config_of(tagged))
    assert "fq_codel" in wanted(config_of(TWO_LINES))
    assert "fq_codel" not in wanted(plain)
