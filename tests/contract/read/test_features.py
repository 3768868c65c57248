"""What the kernel can do is found out in a namespace that leaves no trace."""

import json
from pathlib import Path

import pytest

from lbrouter.kernel.netns import HERE, entered, in_scratch
from lbrouter.kernel.read.features import NEEDS, features, known
from tests.contract.conftest import shell


def test_every_feature_found_is_one_with_a_purpose() -> None:
    assert features() <= set(NEEDS)


@pytest.mark.parametrize("kind", ["htb", "fq_codel", "cake", "netem"])
def test_a_queueing_discipline_is_found_if_and_only_if_tc_can_add_it(kind: str) -> None:
    rest = " default 0" if kind == "htb" else ""
    assert (kind in features()) is attempt(f"tc qdisc add dev port0 root {kind}{rest}")


def test_devices_are_found_if_and_only_if_ip_can_add_them() -> None:
    found = features()
    assert ("vlan" in found) is attempt("ip link add link port0 name port0.10 type vlan id 10")
    assert ("ifb" in found) is attempt("ip link add lbr-up type ifb")


def test_u32_and_nft_are_found_if_and_only_if_the_tools_can_use_them() -> None:
    found = features()
    assert ("u32" in found) is attempt(
        "tc qdisc add dev port0 root handle 1: htb && tc filter add dev port0 parent 1:"
        " protocol all u32 match u32 0 0"
    )
    assert ("nft" in found) is attempt("nft add table inet probe")
    assert ("nft_nat" in found) is attempt(
        "nft 'add table inet probe; add chain inet probe nat { type nat hook postrouting"
        " priority srcnat; }; add rule inet probe nat masquerade'"
    )


def attempt(command: str) -> bool:
    """Whether `command` works in a fresh namespace with a port."""

    def work() -> bool:
        shell("ip link add port0 type veth peer name far-port0")
        return "worked" in shell(f"{{ {command}; }} >/dev/null 2>&1 && echo worked || true")

    return in_scratch(work)


def test_asking_leaves_the_thread_and_the_machine_as_they_were() -> None:
    before = (namespace(), shell("ip -o link; nft list tables; tc qdisc"))
    features()
    assert (namespace(), shell("ip -o link; nft list tables; tc qdisc")) == before


def test_the_answer_is_kept_for_this_boot_alone(tmp_path: Path) -> None:
    file = tmp_path / "run" / "features.json"
    assert known(tmp_path / "run") == features()
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "features": ["htb"]}))
    assert known(tmp_path / "run") == {"htb"}
    file.write_text(json.dumps({"boot": "another", "features": ["htb"]}))
    assert known(tmp_path / "run") == features()
    file.write_text("{")
    assert known(tmp_path / "run") == features()


def test_a_namespace_is_entered_and_left_by_the_same_thread() -> None:
    home = namespace()

    def work() -> tuple[int, int]:
        scratch = namespace()
        with entered(Path("/proc/self/ns/net")):
            inside = namespace()
        assert namespace() == scratch
        return scratch, inside

    scratch, inside = in_scratch(work)
    assert scratch not in {home, inside}
    assert inside == Path("/proc/self/ns/net").stat().st_ino
    assert namespace() == home


def test_a_namespace_that_does_not_exist_is_an_error_and_nothing_is_left() -> None:
    home = namespace()
    nowhere = Path("/run/netns/no-such-namespace")
    with pytest.raises(FileNotFoundError), entered(nowhere):
        pytest.fail("entered nothing")
    assert namespace() == home


def namespace() -> int:
    return HERE.stat().st_ino
