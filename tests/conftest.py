"""Rings, skips and their reasons: a test belongs to the ring whose folder it lies in."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

# A machine under load is slow, not wrong: no example has a deadline.
settings.register_profile("lbrouter", deadline=None)
settings.load_profile("lbrouter")

HERE = Path(__file__).parent
RINGS = ("shape", "pure", "contract", "topology", "vm", "image")
"""Cheapest first, so that a mistake shows in the cheapest ring."""

ROOT_RINGS = frozenset({"contract", "topology", "vm", "image"})
INSIDE_VM = "LBROUTER_INSIDE_VM" in os.environ
"""Set by tests/vm/guest.sh: this pytest runs on Debian's own kernel, emulated, ten times slower."""


def ring_of(item: pytest.Item) -> str | None:
    """The ring's name, None for a test outside of all rings."""
    path = item.path
    top = path.relative_to(HERE).parts[0] if path.is_relative_to(HERE) else ""
    return top if top in RINGS else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test with its ring, orders the rings."""
    for item in items:
        ring = ring_of(item)
        if ring is None:
            message = f"{item.nodeid} lies outside of the rings {', '.join(RINGS)}"
            raise pytest.UsageError(message)
        item.add_marker(ring)
    items.sort(key=lambda item: RINGS.index(ring_of(item) or RINGS[0]))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what this machine cannot run, with the reason."""
    if ring_of(item) in ROOT_RINGS and os.geteuid() != 0:
        pytest.skip("needs root: it makes network namespaces")
    wanted = {name for mark in item.iter_markers("needs") for name in mark.args}
    if wanted:
        missing = wanted - kernel_features()
        verdict = f"kernel {os.uname().release} lacks {', '.join(sorted(missing))}"
        if missing and INSIDE_VM:
            pytest.fail(f"{verdict}: Debian's has it all, so the probe is wrong", pytrace=False)
        if missing:
            pytest.skip(verdict)


@cache
def kernel_features() -> frozenset[str]:
    """What the kernel can do, asked of it once, in a scratch namespace."""
    from lbrouter.kernel.read.features import features

    return features()


@pytest.fixture(autouse=True, scope="session")
def no_namespace_left_behind() -> Iterator[None]:
    """The tests leave no named network namespace; those of other test runs do not count."""
    yield
    left = own_namespaces()
    assert not left, f"network namespaces left behind: {', '.join(sorted(left))}"


def own_namespaces() -> frozenset[str]:
    """Names as `ip netns` lists them, of the venues that this process built."""
    folder = Path("/run/netns")
    prefix = f"lbr-{os.getpid()}-"
    names = (entry.name for entry in folder.iterdir()) if folder.is_dir() else iter(())
    return frozenset(name for name in names if name.startswith(prefix))


HOST_SYSCTLS = ("ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/conf/all/src_valid_mark")
"""What every apply sets first: only in namespaces, never on the machine that runs the tests."""


def host_sysctls() -> list[str]:
    paths = [Path("/proc/sys/net") / name for name in HOST_SYSCTLS]
    return [path.read_text() for path in paths if path.exists()]


@pytest.fixture(scope="session", autouse=True)
def untouched_host() -> Iterator[None]:
    """A test that forgot its namespace would change the machine, and all namespaces made after."""
    before = host_sysctls()
    yield
    assert host_sysctls() == before, "a test applied a configuration to this very machine"
