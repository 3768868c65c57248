"""One probe that is out, until it is answered, refused, or too old."""

import asyncio
from collections.abc import Callable
from typing import Final

from lbrouter.kernel.probe.suspend_detector import SuspendDetector
from lbrouter.model.events import ProbeAnswered, ProbeEvent, ProbeFailure, ProbeLost, ProbeSent
from lbrouter.model.kernel_state import AddressFamily

EmitProbeEvent = Callable[[ProbeEvent], object]

PROBE_LIFETIME_S: Final = 3.0
"""After this no answer is expected any more. Whether an answer is overdue earlier is decided by the
health state machine, which knows the round trips."""


class InFlightProbe:
    """A probe from sending to its one result; a second answer is a duplicate and not reported."""

    def __init__(
        self,
        *,
        uplink: str,
        target: str,
        suspend_detector: SuspendDetector,
        emit: EmitProbeEvent,
        family: AddressFamily = AddressFamily.V4,
        lifetime_s: float = PROBE_LIFETIME_S,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._uplink, self._target, self._family = uplink, target, family
        self._suspend_detector, self._emit = suspend_detector, emit
        self._cleanups: list[Callable[[], object]] = []
        self._timer = self._loop.call_later(lifetime_s, self.report_lost, ProbeFailure.NO_ANSWER)
        self.done = False
        self.sent_at = self._loop.time()
        emit(ProbeSent(at=self.sent_at, uplink=uplink, target=target, family=family))

    @property
    def elapsed_s(self) -> float:
        """Seconds since it was sent."""
        return self._loop.time() - self.sent_at

    def add_cleanup(self, call: Callable[[], object]) -> None:
        """Do `call` when this probe is done; now if it is."""
        if self.done:
            call()
        else:
            self._cleanups.append(call)

    def report_answered(self, rtt_s: float, *, arrived_at: float | None = None) -> None:
        """The target answered, `rtt_s` after the sending; the kernel had it at `arrived_at`."""
        if self.done:
            return
        self._suspend_detector.check()
        self.finish()
        self._emit(
            ProbeAnswered(
                at=self._loop.time(),
                uplink=self._uplink,
                target=self._target,
                family=self._family,
                sent_at=self.sent_at,
                rtt_s=min(max(rtt_s, 0.0), self.elapsed_s),
                arrived_at=arrived_at,
            )
        )

    def report_lost(self, reason: ProbeFailure, detail: str = "") -> None:
        """No answer will come, for `reason`."""
        if self.done:
            return
        self._suspend_detector.check()
        self.finish()
        self._emit(
            ProbeLost(
                at=self._loop.time(),
                uplink=self._uplink,
                target=self._target,
                family=self._family,
                sent_at=self.sent_at,
                reason=reason,
                detail=detail,
            )
        )

    def finish(self) -> None:
        """Nothing more is expected."""
        if self.done:
            return
        self.done = True
        self._timer.cancel()
        for call in self._cleanups:
            call()
        self._cleanups.clear()
