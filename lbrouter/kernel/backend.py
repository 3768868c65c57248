"""`LinuxKernel`: the kernel of the network namespace that the calling thread is in."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from lbrouter.kernel.netlink.client import retry_while_busy
from lbrouter.kernel.objects import nft, qdisc, rtnl, sysctl, wireguard
from lbrouter.kernel.objects.advertised_leftovers import (
    remove_leftovers,
    takes_no_advertisements,
)
from lbrouter.kernel.own_thread import in_own_thread
from lbrouter.kernel.read import facts
from lbrouter.kernel.read.features import features
from lbrouter.kernel.refusals import operation_error
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import Facts, ObserveScope
from lbrouter.model.kernel_state import HtbClass, KernelState, NftTable, Qdisc, Redirect, Sysctl
from lbrouter.model.lane import PeerReadings
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.plan import Operation


class LinuxKernel:
    """One netlink socket, opened on entering; every call acts in the calling thread's namespace.

    A large ruleset takes nft a while, so that runs in a thread beside the event loop; with
    `nft_at_once` in the loop itself, for the few elements of a failover.
    `strict_check` makes the kernel filter dumps by what the request names (Linux 4.20);
    `ext_ack` makes it explain in words what it refuses.
    """

    def __init__(self, *, nft_at_once: bool = False) -> None:
        self._nft_at_once = nft_at_once
        self._ipr = AsyncIPRoute(strict_check=True, ext_ack=True)

    async def __aenter__(self) -> Self:
        await self._ipr.setup_endpoint()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ipr.close()

    async def observe(self, scope: ObserveScope) -> KernelState:
        """The observed state of this namespace. About 50 ms with 140 interfaces and 1000 routes."""
        with _translate_read_errors():
            qdiscs, classes, redirects = await qdisc.observe(self._ipr, scope)
            return replace(
                await rtnl.observe(self._ipr, scope),
                sysctls=sysctl.observe(scope.sysctls),
                qdiscs=qdiscs,
                classes=classes,
                redirects=redirects,
                nft=await in_own_thread(nft.observe_table),
            )

    async def facts(self, scope: ObserveScope, *, probe: bool = False) -> Facts:
        """The machine as found. `probe` also asks what this kernel can do (up to 100 ms)."""
        with _translate_read_errors():
            found = await facts.gather(self._ipr, scope)
        return replace(found, features=features()) if probe else found

    async def peer_readings(self, device: str, kind: str) -> PeerReadings | None:
        """What a WireGuard device of ours counts of its peer; `kind` is the device's own.

        None where it is gone, or has no peer.
        """
        with _translate_read_errors():
            return await wireguard.readings(device, kind)

    async def execute(self, operation: Operation) -> None:
        """Carry out one operation. Raises LbrouterError saying what was refused and why."""
        try:
            match operation.managed_object:
                case Sysctl():
                    sysctl.execute(operation)
                    if device := takes_no_advertisements(operation.new):
                        await remove_leftovers(self._ipr, device)
                case NftTable():
                    await retry_while_busy(partial(self._execute_nft, operation))
                case Qdisc() | HtbClass() | Redirect():
                    await qdisc.execute(self._ipr, operation)
                case _:
                    await rtnl.execute(self._ipr, operation)
        except NetlinkError as error:
            raise operation_error(operation, error.code, str(error.args[1])) from error
        except OSError as error:
            raise operation_error(operation, error.errno or errno.EIO) from error

    async def _execute_nft(self, operation: Operation) -> None:
        if self._nft_at_once:
            nft.execute(operation)
        else:
            await in_own_thread(partial(nft.execute, operation))


@contextmanager
def _translate_read_errors() -> Iterator[None]:
    """Translate an error of a read, which is rare; nothing has been changed yet."""
    try:
        yield
    except (NetlinkError, OSError) as error:
        raise NotAppliedError(
            phrase("The kernel's state cannot be read: {error}.", error=str(error))
        ) from error
