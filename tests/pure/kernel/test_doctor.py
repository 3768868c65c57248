"""Conflicting programs recognised by their files, and features that a configuration needs."""

from pathlib import Path

from lbrouter.kernel.doctor import required_features, used_features
from lbrouter.kernel.read.conflicting_software import ConflictingProgram, conflicting_programs
from tests.kit.builders import TWO_LINES, config_of


def conflicts_on(root: Path, *processes: str, **files: str) -> dict[str, ConflictingProgram]:
    """Conflicts on a machine that has these processes and files (path: text)."""
    for number, name in enumerate(processes, start=1):
        write_file(root / f"proc/{number}/comm", f"{name}\n")
    for path, text in files.items():
        write_file(root / path, text)
    return {each.name: each for each in conflicting_programs(root)}


def write_file(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_an_empty_machine_has_no_conflicting_software(tmp_path: Path) -> None:
    assert conflicts_on(tmp_path) == {}


def test_networkd_is_trouble_until_all_three_keys_say_no(tmp_path: Path) -> None:
    dropin = "etc/systemd/networkd.conf.d/lbrouter.conf"
    two = "[Network]\nManageForeignRoutes=no\nManageForeignNextHops = no\n"
    found = conflicts_on(tmp_path, "systemd-network", **{dropin: two})["systemd-networkd"]
    assert "ManageForeignRoutingPolicyRules" in found.problem
    assert "ManageForeignRoutes," not in found.problem
    three = f"{two}ManageForeignRoutingPolicyRules=false\n"
    assert conflicts_on(tmp_path, **{dropin: three})["systemd-networkd"].problem == ""


def test_a_comment_is_no_setting(tmp_path: Path) -> None:
    commented = "[Network]\n#ManageForeignRoutes=no\n"
    found = conflicts_on(tmp_path, "systemd-network", **{"etc/systemd/networkd.conf": commented})[
        "systemd-networkd"
    ]
    assert "ManageForeignRoutes" in found.problem


def test_network_manager_is_trouble_unless_it_leaves_interfaces_alone(tmp_path: Path) -> None:
    assert conflicts_on(tmp_path, "NetworkManager")["NetworkManager"].problem
    files = {"etc/NetworkManager/conf.d/lbrouter.conf": "[keyfile]\nunmanaged-devices=enp1s0\n"}
    assert not conflicts_on(tmp_path, **files)["NetworkManager"].problem


def test_those_who_drop_what_is_forwarded(tmp_path: Path) -> None:
    found = conflicts_on(
        tmp_path, "dockerd", "firewalld", "bash", **{"etc/ufw/ufw.conf": "ENABLED=yes\n"}
    )
    assert found.keys() == {"Docker", "firewalld", "ufw"}
    assert all(each.problem and each.remedy for each in found.values())


def test_units_are_seen_where_processes_are_hidden(tmp_path: Path) -> None:
    """As the daemon's own unit sees a machine."""
    for unit in ("docker", "firewalld", "NetworkManager", "systemd-networkd", "ssh"):
        (tmp_path / f"sys/fs/cgroup/system.slice/{unit}.service").mkdir(parents=True)
    assert conflicts_on(tmp_path).keys() == {
        "Docker", "firewalld", "NetworkManager", "systemd-networkd",
    }  # fmt: skip


def test_a_ufw_that_is_off_is_no_trouble(tmp_path: Path) -> None:
    assert conflicts_on(tmp_path, **{"etc/ufw/ufw.conf": "ENABLED=no\n"}) == {}


def test_only_what_the_file_asks_for_is_required() -> None:
    plain = config_of(
        TWO_LINES.replace("upload = ", "#upload = ").replace("download = ", "#down = ")
    )
    assert required_features(None) == required_features(plain) == {"nft", "nft_nat"}
    assert required_features(config_of(TWO_LINES)) == {"nft", "nft_nat", "htb", "u32"}
    tagged = TWO_LINES.replace('port = "lan2"', "id = 40") + '[lan]\ntrunk = "lan9"\n'
    assert "vlan" in required_features(config_of(tagged))
    assert "fq_codel" in used_features(config_of(TWO_LINES))
    assert "fq_codel" not in used_features(plain)
