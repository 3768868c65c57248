"""The image ring: the package and the disk as a user builds them, on an emulated PC."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.console import first_login, run_checked, wait_until_up
from tests.image.emulated_pc import OVMF_FOLDER, EmulatedPc, copy_disk, create_usb_stick
from tests.image.image_build import ImageBuild
from tests.image.pc_venue import CARD_COUNT, PcVenue

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
IMAGE = ROOT / "dist/lbrouter.img"
EXIT_PACKAGES_UNREACHABLE = 69
"""What a build says when Debian's packages are out of reach."""
UNPACKAGED_FOLDERS = ("tests/", "bench/", "vagrant/")
"""What is in neither package nor image, except as files of the source."""
REQUIRED_TOOLS = ("mmdebstrap", "qemu-system-x86_64", "mcopy", "mkfs.vfat", "sfdisk", "ethtool")


FIGURES_KEY = pytest.StashKey[dict[str, str]]()
BUILD_KEY = pytest.StashKey[ImageBuild]()


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> dict[str, str]:
    """What was measured, for the test summary."""
    return request.config.stash.setdefault(FIGURES_KEY, {})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Shows the times of the emulated PC, so that their growth is seen."""
    for what, figure in config.stash.get(FIGURES_KEY, {}).items():
        terminalreporter.write_line(f"emulated PC, {what}: {figure}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Nothing here runs unless asked for: LBROUTER_IMAGE=1 runs all, =boot only the boot."""
    asked = os.environ.get("LBROUTER_IMAGE", "")
    for item in [item for item in items if item.path.parent == HERE]:
        if asked != "1" and (asked != "boot" or item.path.name != "test_boot.py"):
            reason = "builds two root file systems and boots a PC: make test-boot, make test-image"
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish(session: pytest.Session) -> None:
    """The build begins before the first test: it takes minutes, and so do the cheaper rings."""
    asked = any(
        item.path.parent == HERE and item.get_closest_marker("skip") is None
        for item in session.items
    )
    if (
        asked
        and not session.config.option.collectonly
        and not missing_tools()
        and not is_up_to_date(IMAGE)
    ):
        session.config.stash[BUILD_KEY] = ImageBuild.start()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that ended early leaves no build behind."""
    build = session.config.stash.get(BUILD_KEY, None)
    if build is not None:
        build.close()


@pytest.fixture(scope="session")
def disk(request: pytest.FixtureRequest) -> Path:
    """dist/lbrouter.img, built with the package unless both are newer than all that goes in."""
    if missing_tools():
        pytest.skip(f"not installed: {', '.join(missing_tools())} (make setup installs it)")
    build = request.config.stash.get(BUILD_KEY, None)
    if build is not None:
        code, said = build.wait()
        if code == EXIT_PACKAGES_UNREACHABLE and os.environ["LBROUTER_IMAGE"] == "boot":
            pytest.skip(said.strip().splitlines()[-1])
        assert code == 0, said
    return IMAGE


def missing_tools() -> list[str]:
    """What building and booting need and this machine does not have."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [tool for tool in REQUIRED_TOOLS if shutil.which(tool, path=path) is None]
    return missing if OVMF_FOLDER.exists() else [*missing, "ovmf"]


def is_up_to_date(image: Path) -> bool:
    """Whether no file that git knows or would know is newer, beside tests and measurements."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    files = [
        ROOT / each for each in done.stdout.splitlines() if not each.startswith(UNPACKAGED_FOLDERS)
    ]
    made = image.stat().st_mtime if image.exists() else 0.0
    return bool(files) and all(each.exists() and each.stat().st_mtime < made for each in files)


@pytest.fixture(scope="session")
def pc(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedPc]:
    """A PC with three cards whose disk holds the image; it is off."""
    folder = tmp_path_factory.mktemp("pc", numbered=True)
    newer = newer_package(next(disk.parent.glob("lbrouter_*_all.deb")), folder)
    stick = create_usb_stick([newer], folder / "stick")
    yield EmulatedPc(folder, copy_disk(disk, folder / "disk"), cards=CARD_COUNT, stick=stick)
    (folder / "disk").unlink()


def newer_package(package: Path, folder: Path) -> Path:
    """The same package once more, with a version that is one higher."""
    tree, made = folder / "newer", folder / package.name.replace("_all", "+1_all")
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+1", control.read_text()))
    subprocess.run(["dpkg-deb", "--build", "-Znone", tree, made], check=True, capture_output=True)
    shutil.rmtree(tree)
    return made


@pytest.fixture(scope="session")
def pc_venue(pc: EmulatedPc) -> Iterator[PcVenue]:
    """The venue around that PC: its cables, and everything at their other ends."""
    found = PcVenue(pc)
    yield found
    found.close()


@pytest.fixture(scope="session")
def booted(pc_venue: PcVenue, pc: EmulatedPc) -> Iterator[tuple[EmulatedPc, str]]:
    """The PC after its first login, and what that login said."""
    with pc:
        yield pc, first_login(pc)


@pytest.fixture(scope="session")
def gateway(booted: tuple[EmulatedPc, str]) -> EmulatedPc:
    """The PC, with a shell at its console."""
    return booted[0]


@pytest.fixture(scope="session")
def running_gateway(gateway: EmulatedPc) -> EmulatedPc:
    """The PC, started as a gateway, with both lines up."""
    run_checked(gateway, "systemctl start lbrouter")
    wait_until_up(gateway, 2)
    return gateway


@pytest.fixture(scope="session")
def first_login_text(booted: tuple[EmulatedPc, str]) -> str:
    """What the console said at the first login."""
    return booted[1]
