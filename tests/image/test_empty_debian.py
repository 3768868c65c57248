"""A Debian 13 with nothing on it: three commands make it a gateway."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.console import BOOT_S, FILE, be_patient, must, status, until_up
from tests.image.emulated_pc import Computer, copy
from tests.image.pc_venue import CARDS, World

pytestmark = pytest.mark.timeout(1800)

BUILD = Path(__file__).with_name("build-empty-debian.sh")


@pytest.fixture
def empty(disk: Path, tmp_path: Path) -> Iterator[tuple[Computer, World]]:
    """A PC with that Debian, at root's prompt with a package in its home, and its world."""
    image = tmp_path / "image"
    image.touch()
    package = next(disk.parent.glob("lbrouter_*_all.deb"))
    done = subprocess.run([BUILD, package, image], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    pc = Computer(tmp_path, copy(image, tmp_path / "disk"), cards=CARDS)
    world = World(pc)
    try:
        with pc:
            pc.wait_for("empty login: ", within_s=BOOT_S)
            pc.type("root")
            pc.wait_for(r"[#$] $", within_s=120)
            pc.ready()
            yield pc, world
    finally:
        world.close()
    (tmp_path / "disk").unlink()


def test_three_commands_make_an_empty_debian_a_gateway(empty: tuple[Computer, World]) -> None:
    pc, world = empty
    assert pc.run("command -v nft dnsmasq python3 lbrouter")[1] == ""
    # Among what apt brings along is tzdata, which would ask where on earth we are.
    quiet = "export DEBIAN_FRONTEND=noninteractive; cd /root"
    must(pc, f"{quiet}; apt-get install --yes ./lbrouter.deb </dev/null", within_s=900)
    assert f"written: {FILE}" in must(pc, "lbrouter init --yes")
    be_patient(pc)
    must(pc, "systemctl start lbrouter", within_s=400)
    until_up(pc, 2)
    assert status(pc)["daemon"] is True
    world.answered()
    assert must(pc, "lbrouter plan").strip() == "nothing to change"
