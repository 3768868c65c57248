"""Two kernels for the same tests: the simulated one, and the real one in a scratch namespace."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import pytest

from lbrouter.compile.state.simulate import SimKernel
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.netns import in_scratch_namespace
from lbrouter.model.facts import Facts, InterfaceFacts, ObserveScope
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import KernelState, LinkAdminState, Sysctl

T = TypeVar("T")
Work = Callable[[Kernel], Awaitable[T]]

PORTS = ("port0", "port1")
SYSCTL_PATH = "net/ipv4/conf/port0/arp_ignore"
SCOPE = ObserveScope(interfaces=frozenset(PORTS), sysctls=frozenset({SYSCTL_PATH}))
PRISTINE_STATE = KernelState(
    sysctls=frozenset({Sysctl(path=SYSCTL_PATH, value="0")}),
    links=frozenset(LinkAdminState(interface=name, up=True) for name in PORTS),
)
"""What is observed on a machine where lbrouter never ran: two ports, up."""


class KernelRunner(Protocol):
    """A machine with two ports, and a way to run something on its kernel."""

    def __call__(self, work: Work[T]) -> T: ...


def shell(command: str) -> str:
    """Output of a command in the namespace of the calling thread; a failure shows its stderr."""
    done = subprocess.run(["sh", "-ec", command], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def simulated(work: Work[T]) -> T:
    """`work` on a simulated machine."""
    interfaces = {
        name: InterfaceFacts(name=name, index=index, up=True, carrier=True, mtu=1500)
        for index, name in enumerate(("lo", *PORTS), start=1)
    }
    return asyncio.run(_awaited(work, SimKernel(PRISTINE_STATE, Facts(interfaces=interfaces))))


def real(work: Work[T]) -> T:
    """`work` on the kernel of a fresh namespace."""

    async def opened() -> T:
        async with LinuxKernel() as kernel:
            return await work(kernel)

    return in_namespace(lambda: asyncio.run(opened()))


def in_namespace(work: Callable[[], T]) -> T:
    """`work` in a fresh namespace with two ports, their far ends up as well."""

    def prepared() -> T:
        shell("ip link set lo up")
        for name in PORTS:
            shell(f"ip link add {name} type veth peer name far-{name}")
            shell(f"ip link set {name} up; ip link set far-{name} up")
        return work()

    return in_scratch_namespace(prepared)


async def _awaited(work: Work[T], kernel: Kernel) -> T:
    return await work(kernel)


@pytest.fixture(params=[simulated, real], ids=["simulated", "real"])
def run_on_kernel(request: pytest.FixtureRequest) -> KernelRunner:
    return request.param
