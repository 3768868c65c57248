"""A root that another program replaced in the middle of a repair is still ours to repair."""

from pathlib import Path

import pytest

from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.daemon.config_file import parse_config
from lbrouter.daemon.reconcile.reconciler import build_reconciler
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError
from lbrouter.model.facts import Facts, ObserveScope
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.plan import Operation
from tests.contract.conftest import shell
from tests.contract.transaction.whole_config import on_kernel
from tests.kit.builders import TWO_LINES, health_of

pytestmark = pytest.mark.needs("htb", "nft_nat")

FILE = parse_config(TWO_LINES.encode(), source="file")
INTERFACE = FILE.config.uplinks["fiber"].interface


def all_up(config: Config, facts: Facts) -> GatewayHealth:
    return health_of(FILE.config)


def root_qdisc() -> str:
    return shell(f"tc qdisc show dev {INTERFACE} root")


class BusyKernel:
    """A kernel in which another program runs `damage` right after the next observation."""

    def __init__(self, kernel: LinuxKernel) -> None:
        self.kernel = kernel
        self.damage = ""

    async def observe(self, scope: ObserveScope) -> KernelState:
        observed = await self.kernel.observe(scope)
        if self.damage:
            shell(self.damage)
            self.damage = ""
        return observed

    async def facts(self, scope: ObserveScope) -> Facts:
        return await self.kernel.facts(scope)

    async def execute(self, operation: Operation) -> None:
        await self.kernel.execute(operation)


def test_a_root_replaced_in_the_middle_of_a_repair_is_repaired(tmp_path: Path) -> None:
    assert INTERFACE in interfaces_of(FILE.config)

    async def work(kernel: LinuxKernel) -> None:
        busy = BusyKernel(kernel)
        reconciler = build_reconciler(
            busy,
            state_dir=tmp_path,
            runtime_dir=tmp_path,
            limits=lambda _: {},
            blocked=frozenset,
            report_damage=print,
        )
        await reconciler.reconcile(FILE, all_up)
        before = (await reconciler.reconcile(FILE, all_up)).changed
        assert before == ()
        assert root_qdisc().startswith("qdisc htb 4c01:")

        shell(f"tc qdisc del dev {INTERFACE} root")
        busy.damage = f"tc qdisc add dev {INTERFACE} root handle 77: pfifo"
        with pytest.raises(LbrouterError, match="of another program at its root"):
            await reconciler.reconcile(FILE, all_up)
        await reconciler.steering.observe_again()
        await reconciler.reconcile(FILE, all_up)
        assert root_qdisc().startswith("qdisc htb 4c01:")
        await reconciler.steering.close()

    on_kernel(work)
