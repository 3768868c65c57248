"""Where the new flows of each sticky policy went in the last two minutes: for `status`.

Weights say what a client draws; clients that stay where they are make the difference. A policy
whose uplinks have changed is counted from then on.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from lbrouter.daemon.reconcile.policy_changes import UplinkWeights, all_policy_weights
from lbrouter.daemon.reconcile.reconciler import Reconciler
from lbrouter.kernel.netlink.raw_dump import new_flow_counters

NEW_FLOW_SAMPLE_INTERVAL_S: Final = 2.0
NEW_FLOW_WINDOW_S: Final = 120.0

FlowCounts = Mapping[str, Mapping[int, int]]
"""By policy, then by uplink number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFlowSample:
    """All counters at one moment of CLOCK_MONOTONIC, and the weights of each policy then."""

    at: float
    counts: FlowCounts
    weights: Mapping[str, UplinkWeights]


class NewFlowWindow:
    """The last two minutes of the counters."""

    def __init__(self, reconciler: Reconciler) -> None:
        self._reconciler = reconciler
        self._samples: deque[NewFlowSample] = deque()

    async def run(self) -> None:
        """Sample for ever."""
        while True:
            with suppress(OSError):  # no table yet, or the kernel is busy: the next time
                self.sample()
            await asyncio.sleep(NEW_FLOW_SAMPLE_INTERVAL_S)

    def sample(self) -> None:
        """Read the counters now. Raises OSError."""
        applied = self._reconciler.applied
        if applied is None:
            return
        now = time.monotonic()
        weights = all_policy_weights(applied)
        self._samples.append(NewFlowSample(at=now, counts=new_flow_counters(), weights=weights))
        while now - self._samples[0].at > NEW_FLOW_WINDOW_S:
            self._samples.popleft()

    def counts(self) -> FlowCounts:
        """New flows of each sticky policy in the window, by uplink number."""
        if not self._samples:
            return {}
        newest = self._samples[-1]
        return {policy: self._counts_of(policy, newest) for policy in newest.counts}

    def _counts_of(self, policy: str, newest: NewFlowSample) -> dict[int, int]:
        """Since the weights of `policy` are what they are, or since a counter began again."""
        now = newest.counts[policy]

        def is_comparable(sample: NewFlowSample) -> bool:
            return sample.weights.get(policy) == newest.weights.get(policy) and all(
                sample.counts.get(policy, {}).get(number, 0) <= count
                for number, count in now.items()
            )

        oldest = list(takewhile(is_comparable, reversed(self._samples)))[-1]
        before = oldest.counts.get(policy, {})
        return {number: count - before.get(number, 0) for number, count in now.items()}
