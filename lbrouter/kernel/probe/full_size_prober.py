"""Echo requests as large as the line's MTU: whether large packets pass a line, too.

The size is what the kernel would send towards the target by this line (interface, route and path
MTU), and no router may cut it up. One request every few seconds.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Final, Protocol

from lbrouter.compile.wire.icmp_message import ICMP_ECHO_HEADER
from lbrouter.kernel.probe import icmp
from lbrouter.kernel.probe.bound_socket import UplinkBinding, address_family, open_socket
from lbrouter.kernel.probe.icmp_socket import ECHO_TOKEN_BYTES, IcmpEchoSocket
from lbrouter.model.events import FullSizeProbed, ProbeFailure
from lbrouter.model.kernel_state import AddressFamily, IpAddress
from lbrouter.model.sections.targets import ProbeTarget

FULL_SIZE_TIMEOUT_S: Final = 1.0
HEADER_BYTES: Final = {AddressFamily.V4: 20, AddressFamily.V6: 40}
IP_MTU: Final = 14
IPV6_MTU: Final = 24
"""linux/in.h, linux/in6.h: the MTU towards the other end of a connected socket."""

MIN_FULL_SIZE_BYTES: Final = 576
"""A line with less has no large packets."""

EmitFullSize = Callable[[FullSizeProbed], object]


class ReportAnswered(Protocol):
    """Takes the end of one request."""

    def __call__(self, *, answered: bool) -> object:
        """It was answered, or its time is over."""


class FullSizeProber:
    """Full-size probes of one family of one uplink, from `start` to `close`.

    `interval_s` gives the seconds to the next one. Targets without an address are left out.
    """

    def __init__(
        self,
        binding: UplinkBinding,
        uplink: str,
        family: AddressFamily,
        targets: Sequence[ProbeTarget],
        *,
        emit: EmitFullSize,
        interval_s: Callable[[], float],
    ) -> None:
        self._binding, self._uplink, self._family = binding, uplink, family
        found = {each.address: str(each) for each in targets if each.address is not None}
        self._targets = [x for x in found.items() if x[0].version == family.version]
        self._emit, self._interval_s = emit, interval_s
        variant = icmp.ICMP_V4 if family is AddressFamily.V4 else icmp.ICMP_V6
        self._socket = IcmpEchoSocket(binding, variant, may_fragment=False)
        self._turns = count()
        self._answering: set[IpAddress] = set()
        self._pending: set[_FullSizeRequest] = set()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start; nothing is sent where no target has an address."""
        if self._targets:
            self._tick()

    def close(self) -> None:
        """Stop, and drop what is out."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for request in tuple(self._pending):
            request.finish()
        self._socket.close()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._interval_s(), self._tick)
        able = [x for x in self._targets if x[0] in self._answering] or self._targets
        address, target = able[next(self._turns) % len(able)]
        try:
            self._send(address, target)
        except OSError:
            return  # no interface, no route, no address: other probes tell that

    def _send(self, address: IpAddress, target: str) -> None:
        size = mtu_towards(self._binding, address)
        padding = size - HEADER_BYTES[self._family] - ICMP_ECHO_HEADER.size - ECHO_TOKEN_BYTES
        if size < MIN_FULL_SIZE_BYTES:
            return
        request = _FullSizeRequest(partial(self._report, address, target, size))
        request.add_cleanup(lambda: self._pending.discard(request))
        self._pending.add(request)
        try:
            request.add_cleanup(self._socket.send(address, request, padding_bytes=padding))
        except OSError:
            request.finish()
            raise

    def _report(self, address: IpAddress, target: str, size: int, *, answered: bool) -> None:
        if answered:
            self._answering.add(address)
        self._emit(
            FullSizeProbed(
                at=asyncio.get_running_loop().time(),
                uplink=self._uplink,
                target=target,
                size_bytes=size,
                answered=answered,
                family=self._family,
            )
        )


class _FullSizeRequest:
    """One request until its answer, its time, or a router that says "too big"."""

    def __init__(self, report: ReportAnswered) -> None:
        loop = asyncio.get_running_loop()
        self._report = report
        self._cleanups: list[Callable[[], object]] = []
        self._timer = loop.call_later(FULL_SIZE_TIMEOUT_S, partial(self._end, answered=False))
        self.sent_at = loop.time()

    def add_cleanup(self, call: Callable[[], object]) -> None:
        """Do `call` when this request is done."""
        self._cleanups.append(call)

    def report_answered(self, rtt_s: float, *, arrived_at: float | None = None) -> None:
        """The target answered."""
        del rtt_s, arrived_at
        self._end(answered=True)

    def report_lost(self, reason: ProbeFailure, detail: str = "") -> None:
        """A router refused it, in words: then nothing is silent here."""
        del reason, detail
        self.finish()

    def finish(self) -> None:
        """Nothing more is expected."""
        self._timer.cancel()
        for call in self._cleanups:
            call()
        self._cleanups.clear()

    def _end(self, *, answered: bool) -> None:
        self.finish()
        self._report(answered=answered)


def mtu_towards(binding: UplinkBinding, address: IpAddress) -> int:
    """Bytes of the largest packet that leaves towards `address` by this line. Raises OSError."""
    family = address_family(address)
    with open_socket(binding, family, socket.SOCK_DGRAM) as asked:
        asked.connect((str(address), 9))
        if family is socket.AF_INET6:
            return asked.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU)
        return asked.getsockopt(socket.IPPROTO_IP, IP_MTU)
