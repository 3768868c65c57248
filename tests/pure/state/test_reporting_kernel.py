"""A report that cannot be written stops no operation."""

import asyncio

from lbrouter.compile.state.simulate import SimKernel
from lbrouter.kernel.reporting_kernel import ReportingKernel
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import KernelState, Sysctl
from lbrouter.model.plan import Action, Operation, Phase

SETTING = Sysctl(path="net/x", value="1")
STEP = Operation(phase=Phase.SYSCTL, action=Action.ADD, new=SETTING, old=None, reason="test")


def test_a_terminal_that_is_gone_stops_no_step() -> None:
    def report(_: Operation) -> None:
        raise OSError(5, "Input/output error")

    kernel = SimKernel(KernelState(), Facts())
    asyncio.run(ReportingKernel(kernel, report).execute(STEP))
    assert kernel.state.sysctls == {SETTING}
