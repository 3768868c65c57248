"""The image ring: the package and the disk as a user builds them, on an emulated PC."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.computer import OVMF, Computer, copy
from tests.image.world import CARDS, World

ROOT = Path(__file__).parents[2]
TOOLS = ("mmdebstrap", "qemu-system-x86_64", "mcopy", "mkfs.vfat", "sfdisk", "ethtool")


@pytest.fixture(scope="session")
def disk() -> Path:
    """dist/lbrouter.img, built anew with the package: an old one would prove nothing."""
    if "LBROUTER_IMAGE" not in os.environ:
        pytest.skip(
            "builds two root file systems and boots a PC: make test-image, or LBROUTER_IMAGE=1"
        )
    missing = [
        tool
        for tool in TOOLS
        if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None
    ]
    if missing or not OVMF.exists():
        pytest.skip(f"not installed: {', '.join(missing) or 'ovmf'} (make setup installs it)")
    for tool in ("tools/build-deb.sh", "tools/build-image.sh"):
        done = subprocess.run([tool], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    return ROOT / "dist/lbrouter.img"


@pytest.fixture(scope="session")
def computer(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Computer]:
    """A PC with three cards whose disk holds the image; it is off."""
    folder = tmp_path_factory.mktemp("pc", numbered=True)
    yield Computer(folder, copy(disk, folder / "disk"), cards=CARDS)
    (folder / "disk").unlink()


@pytest.fixture(scope="session")
def world(computer: Computer) -> Iterator[World]:
    """The cables of that PC, and everything at their other ends."""
    found = World(computer)
    yield found
    found.close()
