"""A Debian 13 with nothing on it: three commands make it a gateway."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.console import (
    BOOT_TIMEOUT_S,
    CONFIG_PATH,
    relax_systemd_timeouts,
    run_checked,
    status,
    wait_until_up,
)
from tests.image.emulated_pc import EmulatedPc, copy_disk
from tests.image.pc_venue import CARD_COUNT, PcVenue

pytestmark = pytest.mark.timeout(1800)

BUILD_SCRIPT = Path(__file__).with_name("build-empty-debian.sh")


@pytest.fixture
def empty_debian(disk: Path, tmp_path: Path) -> Iterator[tuple[EmulatedPc, PcVenue]]:
    """A PC with that Debian, at root's prompt with the package in its home, and its venue."""
    image = tmp_path / "image"
    image.touch()
    package = next(disk.parent.glob("lbrouter_*_all.deb"))
    done = subprocess.run(
        [BUILD_SCRIPT, package, image], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    pc = EmulatedPc(tmp_path, copy_disk(image, tmp_path / "disk"), cards=CARD_COUNT)
    world = PcVenue(pc)
    try:
        with pc:
            pc.wait_for("empty login: ", within_s=BOOT_TIMEOUT_S)
            pc.type_line("root")
            pc.wait_for(r"[#$] $", within_s=120)
            pc.prepare_shell()
            yield pc, world
    finally:
        world.close()
    (tmp_path / "disk").unlink()


def test_three_commands_make_an_empty_debian_a_gateway(
    empty_debian: tuple[EmulatedPc, PcVenue],
) -> None:
    pc, world = empty_debian
    assert pc.run("command -v nft dnsmasq python3 lbrouter")[1] == ""
    # apt also installs tzdata, which would ask for the time zone.
    quiet = "export DEBIAN_FRONTEND=noninteractive; cd /root"
    run_checked(pc, f"{quiet}; apt-get install --yes ./lbrouter.deb </dev/null", within_s=900)
    assert f"written: {CONFIG_PATH}" in run_checked(pc, "lbrouter init --yes")
    relax_systemd_timeouts(pc)
    run_checked(pc, "systemctl start lbrouter", within_s=400)
    wait_until_up(pc, 2)
    assert status(pc)["daemon"] is True
    world.assert_client_online()
    assert run_checked(pc, "lbrouter plan").strip() == "nothing to change"
