"""A table of an earlier release that still stands is replaced by an apply, and guards meanwhile."""

from pathlib import Path

import pytest

from lbrouter.compile.firewall.ruleset import digest
from lbrouter.compile.state.diff import diff
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.storage.store import StateStore
from lbrouter.kernel.transaction import transact
from lbrouter.model.kernel_state import KernelState, NftTable
from lbrouter.model.plan import Action, Operation, Phase
from tests.contract.conftest import shell
from tests.contract.transaction.whole_config import SCOPE, compute_desired, on_kernel

pytestmark = pytest.mark.needs("nft")

SCRIPT = (Path(__file__).parent / "earlier_table.nft").read_text(encoding="utf-8")
EARLIER = NftTable(
    structure=digest(SCRIPT),
    elements={
        "named": frozenset({("wan1", ""), ("old1", "")}),
        "enter": frozenset({("wan1", "goto input_uplink")}),
    },
    script=SCRIPT,
)
DAMAGES = {
    "as it was loaded": "true",
    "altered by hand": "nft add rule inet lbrouter input iifname zzz accept",
    "emptied by hand": "nft delete table inet lbrouter; nft add table inet lbrouter",
}


async def stand(kernel: LinuxKernel) -> None:
    """Load the earlier table, with a client that its packets have put in."""
    load = Operation(phase=Phase.RULESET, action=Action.ADD, new=EARLIER, old=None, reason="")
    await kernel.execute(load)
    shell("nft add element inet lbrouter stuck_spread_1_ip '{ 192.0.2.9 timeout 10m }'")


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("script_kept", [True, False])
def test_an_earlier_table_is_replaced(tmp_path: Path, damage: str, *, script_kept: bool) -> None:
    store = StateStore(tmp_path)
    if script_kept:
        store.save_script(EARLIER.structure, SCRIPT)

    async def work(kernel: LinuxKernel) -> tuple[KernelState, str]:
        await stand(kernel)
        shell(damage)
        wanted = await compute_desired(kernel)
        plan = diff(await kernel.observe(SCOPE), wanted)
        await transact(kernel, plan, desired=wanted, scope=SCOPE, store=store)
        assert not diff(await kernel.observe(SCOPE), wanted)
        return wanted, shell("nft list table inet lbrouter")

    _, listed = on_kernel(work)
    assert "set known_interfaces" in listed
    assert "named" not in listed
    assert "stuck_spread_1_ip" not in listed


def test_until_then_it_guards_the_new_interfaces() -> None:
    async def work(kernel: LinuxKernel) -> tuple[set[str], set[str]]:
        await stand(kernel)
        wanted = await compute_desired(kernel)
        first = diff(await kernel.observe(SCOPE), wanted).operations[0]
        await kernel.execute(first)
        table = (await kernel.observe(SCOPE)).nft
        assert table is not None
        assert wanted.nft is not None
        assert first.phase is Phase.GUARD
        assert table.structure == EARLIER.structure
        known = {key for key, _ in table.elements["named"]}
        return known, {key for key, _ in wanted.nft.elements["known_interfaces"]}

    known, wanted = on_kernel(work)
    assert known == wanted | {"old1"}


def test_it_is_removed_by_down() -> None:
    async def work(kernel: LinuxKernel) -> str:
        await stand(kernel)
        plan = diff(await kernel.observe(SCOPE), KernelState())
        tables = [op for op in plan.operations if isinstance(op.managed_object, NftTable)]
        for operation in tables:
            await kernel.execute(operation)
        return shell("nft list tables")

    assert "lbrouter" not in on_kernel(work)
