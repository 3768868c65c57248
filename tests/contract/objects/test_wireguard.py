"""A lane's WireGuard device, on both kernels: told by netlink, or by wireguard-go's socket."""

from dataclasses import replace
from typing import TypeVar

import pytest

from lbrouter.compile.relay.x25519 import private_key_of, public_key_of
from lbrouter.compile.state.diff import diff
from lbrouter.kernel.objects import wireguard_program
from lbrouter.kernel.read.features import features
from lbrouter.model.kernel import Kernel
from lbrouter.model.kernel_state import Device, DeviceKind, KernelState, ManagedObject
from lbrouter.model.plan import Action, Operation, Phase
from lbrouter.model.reserved_ids import lane_mark, lane_port
from lbrouter.model.wireguard_tunnel import WireguardTunnel
from tests.contract.conftest import SCOPE, KernelRunner, Work, real

PRIVATE_KEY = private_key_of(bytes(range(32)))
DEVICE = Device(name="lbr-lane", kind=DeviceKind.WIREGUARD)
TUNNEL = WireguardTunnel(
    interface="lbr-lane",
    private_key=PRIVATE_KEY,
    public_key=public_key_of(PRIVATE_KEY),
    peer_key=public_key_of(private_key_of(b"relay" * 7)),
    peer_endpoint="192.0.2.7:51820",
    listen_port=lane_port(3),
    fwmark=lane_mark(3),
    keepalive_s=5,
)
OTHER_KEY = private_key_of(b"other" * 7)
T = TypeVar("T")
CHANGED = (
    replace(TUNNEL, peer_endpoint="192.0.2.8:443"),
    replace(TUNNEL, peer_key=public_key_of(OTHER_KEY)),
    replace(TUNNEL, private_key=OTHER_KEY, public_key=public_key_of(OTHER_KEY)),
    replace(TUNNEL, listen_port=lane_port(4), fwmark=lane_mark(4), keepalive_s=0),
)


@pytest.fixture
def run_lane(run_on_kernel: KernelRunner) -> KernelRunner:
    """Runs something and removes the device; skips where neither the kernel nor a program can."""
    if run_on_kernel is real and not ("wireguard" in features() or wireguard_program.available()):
        pytest.skip(wireguard_program.WIREGUARD_MISSING)

    def run(work: Work[T]) -> T:
        async def cleaned(kernel: Kernel) -> T:
            try:
                return await work(kernel)
            finally:
                await kernel.execute(operation(None, DEVICE))

        return run_on_kernel(cleaned)

    return run


def operation(new: ManagedObject | None, old: ManagedObject | None = None) -> Operation:
    verb = Action.REMOVE if new is None else Action.ADD if old is None else Action.CHANGE
    return Operation(phase=Phase.TUNNEL, action=verb, new=new, old=old, reason="")


async def make_lane(kernel: Kernel) -> None:
    await kernel.execute(operation(DEVICE))
    await kernel.execute(operation(TUNNEL))


def test_a_tunnel_is_observed_as_it_was_asked_for(run_lane: KernelRunner) -> None:
    async def work(kernel: Kernel) -> KernelState:
        await make_lane(kernel)
        await kernel.execute(operation(DEVICE))
        await kernel.execute(operation(TUNNEL))
        return await kernel.observe(SCOPE)

    found = run_lane(work)
    assert found.devices == {DEVICE}
    assert found.tunnels == {TUNNEL}
    assert PRIVATE_KEY not in repr(found)
    [tunnel] = found.tunnels
    assert tunnel.private_key == PRIVATE_KEY, "an undo needs it"


@pytest.mark.parametrize("changed", CHANGED)
def test_a_changed_tunnel_and_its_undo(run_lane: KernelRunner, changed: WireguardTunnel) -> None:
    step = operation(changed, TUNNEL)

    async def work(kernel: Kernel) -> list[KernelState]:
        await make_lane(kernel)
        await kernel.execute(step)
        after = await kernel.observe(SCOPE)
        await kernel.execute(step.inverse())
        return [after, await kernel.observe(SCOPE)]

    after, undone = run_lane(work)
    assert (after.tunnels, undone.tunnels) == ({changed}, {TUNNEL})


def test_what_was_removed_is_gone_and_removing_it_twice_is_no_error(
    run_lane: KernelRunner,
) -> None:
    async def work(kernel: Kernel) -> list[KernelState]:
        await make_lane(kernel)
        await kernel.execute(operation(None, TUNNEL))
        without = await kernel.observe(SCOPE)
        await kernel.execute(operation(TUNNEL))
        await kernel.execute(operation(None, DEVICE))
        await kernel.execute(operation(None, DEVICE))
        await kernel.execute(operation(None, TUNNEL))
        return [without, await kernel.observe(SCOPE)]

    without, gone = run_lane(work)
    assert (without.devices, without.tunnels) == ({DEVICE}, frozenset())
    assert (gone.devices, gone.tunnels) == (frozenset(), frozenset())


def test_a_device_that_was_deleted_by_hand_is_made_again(run_lane: KernelRunner) -> None:
    async def work(kernel: Kernel) -> list[KernelState]:
        await make_lane(kernel)
        wanted = await kernel.observe(SCOPE)
        await kernel.execute(operation(None, DEVICE))
        for step in diff(await kernel.observe(SCOPE), wanted).operations:
            await kernel.execute(step)
        return [wanted, await kernel.observe(SCOPE)]

    wanted, found = run_lane(work)
    assert found == wanted


@pytest.mark.needs("wireguard")
def test_the_kernels_own_wireguard_is_used_where_it_is() -> None:
    async def work(kernel: Kernel) -> str:
        await make_lane(kernel)
        return (await kernel.facts(SCOPE)).interfaces["lbr-lane"].kind

    assert real(work) == DeviceKind.WIREGUARD
