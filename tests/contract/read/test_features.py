"""What the kernel can do is found out in a namespace that leaves no trace."""

import json
from pathlib import Path

import pytest

from lbrouter.kernel.netns import CURRENT_NETNS, in_namespace, in_scratch_namespace
from lbrouter.kernel.read.features import FEATURE_PURPOSES, cached_features, features
from tests.contract.conftest import shell


def test_every_feature_found_is_one_with_a_purpose() -> None:
    assert features() <= set(FEATURE_PURPOSES)


@pytest.mark.parametrize("kind", ["htb", "fq_codel", "cake", "netem"])
def test_a_queueing_discipline_is_found_if_and_only_if_tc_can_add_it(kind: str) -> None:
    rest = " default 0" if kind == "htb" else ""
    assert (kind in features()) is works_in_namespace(f"tc qdisc add dev port0 root {kind}{rest}")


def test_devices_are_found_if_and_only_if_ip_can_add_them() -> None:
    found = features()
    assert ("vlan" in found) is works_in_namespace(
        "ip link add link port0 name port0.10 type vlan id 10"
    )
    assert ("ifb" in found) is works_in_namespace("ip link add lbr-up type ifb")


def test_u32_and_nft_are_found_if_and_only_if_the_tools_can_use_them() -> None:
    found = features()
    assert ("u32" in found) is works_in_namespace(
        "tc qdisc add dev port0 root handle 1: htb && tc filter add dev port0 parent 1:"
        " protocol all u32 match u32 0 0"
    )
    assert ("nft" in found) is works_in_namespace("nft add table inet probe")
    assert ("nft_nat" in found) is works_in_namespace(
        "nft 'add table inet probe; add chain inet probe nat { type nat hook postrouting"
        " priority srcnat; }; add rule inet probe nat masquerade'"
    )


def works_in_namespace(command: str) -> bool:
    """Whether `command` works in a fresh namespace with a port."""

    def work() -> bool:
        shell("ip link add port0 type veth peer name far-port0")
        return "worked" in shell(f"{{ {command}; }} >/dev/null 2>&1 && echo worked || true")

    return in_scratch_namespace(work)


def test_asking_leaves_the_thread_and_the_machine_as_they_were() -> None:
    before = (current_namespace_inode(), shell("ip -o link; nft list tables; tc qdisc"))
    features()
    assert (current_namespace_inode(), shell("ip -o link; nft list tables; tc qdisc")) == before


def test_the_answer_is_kept_for_this_boot_alone(tmp_path: Path) -> None:
    file, told = tmp_path / "run" / "features.json", list[str]()
    assert cached_features(file.parent, told.append) == features()
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "features": ["htb"]}))
    assert cached_features(file.parent, told.append) == {"htb"}
    file.write_text(json.dumps({**kept, "boot": "another", "features": ["htb"]}))
    assert cached_features(file.parent, told.append) == features()
    assert told == []
    file.write_text("{")
    assert cached_features(file.parent, told.append) == features()
    assert told == [f"{file} is damaged: it is ignored."]


def test_a_namespace_is_entered_and_left_by_the_same_thread() -> None:
    home = current_namespace_inode()

    def work() -> tuple[int, int]:
        scratch = current_namespace_inode()
        with in_namespace(Path("/proc/self/ns/net")):
            inside = current_namespace_inode()
        assert current_namespace_inode() == scratch
        return scratch, inside

    scratch, inside = in_scratch_namespace(work)
    assert scratch not in {home, inside}
    assert inside == Path("/proc/self/ns/net").stat().st_ino
    assert current_namespace_inode() == home


def test_a_namespace_that_does_not_exist_is_an_error_and_nothing_is_left() -> None:
    home = current_namespace_inode()
    nowhere = Path("/run/netns/no-such-namespace")
    with pytest.raises(FileNotFoundError), in_namespace(nowhere):
        pytest.fail("entered nothing")
    assert current_namespace_inode() == home


def current_namespace_inode() -> int:
    return CURRENT_NETNS.stat().st_ino
