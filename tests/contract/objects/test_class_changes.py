"""What the kernel makes of changes of a class tree: the simulated one and the real one alike."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lbrouter.compile.shaping.htb import burst_size
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import ManagedObject
from tests.contract.conftest import SCOPE, KernelRunner
from tests.kit.class_changes import CLASS_CHANGES, ROOT, TREE, is_taken, line

pytestmark = pytest.mark.needs("htb")


@pytest.mark.parametrize("name", CLASS_CHANGES)
def test_a_change_of_a_tree(run_on_kernel: KernelRunner, name: str) -> None:
    steps, taken, after = CLASS_CHANGES[name]

    async def work(kernel: Kernel) -> tuple[list[bool], set[ManagedObject]]:
        assert all([await is_taken(kernel, managed, None) for managed in TREE])
        seen = [await is_taken(kernel, new, old) for new, old in steps]
        found = await kernel.observe(SCOPE)
        return seen, {*found.qdiscs, *found.classes}

    assert run_on_kernel(work) == (taken, after)


@pytest.mark.parametrize("frame", [1_514, 9_014, 65_550, 300_000])
def test_every_burst_that_is_asked_for_is_taken(run_on_kernel: KernelRunner, frame: int) -> None:
    rates: Sequence[int] = (8_000, 64_000, 1_200_000_000, 40_000_000_000, 100_000_000_000)
    wanted = [
        replace(line(number, rate), burst=burst_size(rate, frame), cburst=burst_size(rate, frame))
        for number, rate in enumerate(rates, start=3)
    ]

    async def work(kernel: Kernel) -> set[ManagedObject]:
        assert all([await is_taken(kernel, managed, None) for managed in (ROOT, *wanted)])
        return set((await kernel.observe(SCOPE)).classes)

    assert run_on_kernel(work) == set(wanted)
