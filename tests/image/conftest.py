"""The image ring: the package and the disk as a user builds them, on an emulated PC."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.console import first_login, must, until_up
from tests.image.emulated_pc import OVMF, Computer, copy, stick_with
from tests.image.image_build import Build
from tests.image.pc_venue import CARDS, World

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
IMAGE = ROOT / "dist/lbrouter.img"
LACKING = 69
"""What a build says when Debian's packages are out of reach."""
ASIDE = ("tests/", "bench/", "vagrant/")
"""What is in neither package nor image, except as files of the source."""
TOOLS = ("mmdebstrap", "qemu-system-x86_64", "mcopy", "mkfs.vfat", "sfdisk", "ethtool")


FIGURES = pytest.StashKey[dict[str, str]]()
BUILD = pytest.StashKey[Build]()


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> dict[str, str]:
    """What was measured: the summary tells it."""
    return request.config.stash.setdefault(FIGURES, {})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says what the emulated PC took, so that its growth is seen."""
    for what, figure in config.stash.get(FIGURES, {}).items():
        terminalreporter.write_line(f"emulated PC, {what}: {figure}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Nothing here runs without being asked for: LBROUTER_IMAGE=1 is all, =boot is the boot."""
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
    if asked and not session.config.option.collectonly and not lacking() and not fresh(IMAGE):
        session.config.stash[BUILD] = Build.begin()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that ended early leaves no build behind."""
    build = session.config.stash.get(BUILD, None)
    if build is not None:
        build.close()


@pytest.fixture(scope="session")
def disk(request: pytest.FixtureRequest) -> Path:
    """dist/lbrouter.img, built with the package unless both are newer than all that goes in."""
    if lacking():
        pytest.skip(f"not installed: {', '.join(lacking())} (make setup installs it)")
    build = request.config.stash.get(BUILD, None)
    if build is not None:
        code, said = build.result()
        if code == LACKING and os.environ["LBROUTER_IMAGE"] == "boot":
            pytest.skip(said.strip().splitlines()[-1])
        assert code == 0, said
    return IMAGE


def lacking() -> list[str]:
    """What building and booting need and this machine does not have."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=path) is None]
    return missing if OVMF.exists() else [*missing, "ovmf"]


def fresh(image: Path) -> bool:
    """Whether no file that git knows or would know is newer, beside tests and measurements."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    files = [ROOT / each for each in done.stdout.splitlines() if not each.startswith(ASIDE)]
    made = image.stat().st_mtime if image.exists() else 0.0
    return bool(files) and all(each.exists() and each.stat().st_mtime < made for each in files)


@pytest.fixture(scope="session")
def computer(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Computer]:
    """A PC with three cards whose disk holds the image; it is off."""
    folder = tmp_path_factory.mktemp("pc", numbered=True)
    newer = newer_package(next(disk.parent.glob("lbrouter_*_all.deb")), folder)
    stick = stick_with([newer], folder / "stick")
    yield Computer(folder, copy(disk, folder / "disk"), cards=CARDS, stick=stick)
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
def world(computer: Computer) -> Iterator[World]:
    """The cables of that PC, and everything at their other ends."""
    found = World(computer)
    yield found
    found.close()


@pytest.fixture(scope="session")
def booted(world: World, computer: Computer) -> Iterator[tuple[Computer, str]]:
    """The PC after its first login, and what that login said."""
    with computer:
        yield computer, first_login(computer)


@pytest.fixture(scope="session")
def gateway(booted: tuple[Computer, str]) -> Computer:
    """The PC, with a shell at its console."""
    return booted[0]


@pytest.fixture(scope="session")
def working(gateway: Computer) -> Computer:
    """The PC, started as a gateway, with both lines up."""
    must(gateway, "systemctl start lbrouter")
    until_up(gateway, 2)
    return gateway


@pytest.fixture(scope="session")
def first_words(booted: tuple[Computer, str]) -> str:
    """What the console said at the first login."""
    return booted[1]
