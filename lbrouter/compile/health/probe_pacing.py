"""The probe interval: long on a line that is fine, short while its state is in doubt.

At an `interval` of 200 ms: 5 probes a second, 15 where a policy has a limit of loss, 40 while an
answer is missing, 80 while the loss is in doubt. A probe is some 100 bytes, so that is 4, 12, 32
and 64 kbit/s; the last for six seconds at once and a tenth of the time at most.

Why 15: at 10 % loss each way the first lost probe puts the loss in doubt, and at five probes a
second it takes more than 2.8 s to come in one case of twenty. A metered line keeps to five: its
bytes are paid for, and it is seldom in use.
"""

from typing import Final

from lbrouter.compile.health.condition import is_alive
from lbrouter.compile.health.statistics.loss_test import MAX_COUNTED_LOSSES_IN_ROW
from lbrouter.compile.health.tolerance import tested_losses
from lbrouter.compile.health.uplink_memory import UplinkMemory

LOSS_LIMIT_SPEEDUP: Final = 3
MISSING_ANSWER_SPEEDUP: Final = 8
MISSING_SPEEDUP_DOWN_AFTERS: Final = 8
"""Times `down_after`: a line that works although no target answers is not probed fast for ever."""

LOSS_DOUBT_SPEEDUP: Final = 16
MIN_PROBE_INTERVAL_S: Final = 0.0125

FAST_PROBE_BUDGET_S: Final = 6.0
FAST_PROBE_REFILL_SHARE: Final = 0.1
"""Fast probes because of loss: six seconds at once, and a tenth of the time in the long run."""


def next_probe_interval_s(line: UplinkMemory, at: float) -> float:
    """Seconds from one probe of the line to the next, as things stand at `at`."""
    interval_s = line.settings.interval_s
    if line.follows_other_family:
        return interval_s  # nothing depends on how soon its first answer comes
    if _is_loss_in_doubt(line):
        return min(interval_s, max(interval_s / LOSS_DOUBT_SPEEDUP, MIN_PROBE_INTERVAL_S))
    if (
        is_alive(line)
        and line.consecutive_losses > 0
        and at < line.silent_since + MISSING_SPEEDUP_DOWN_AFTERS * line.settings.down_after_s
    ):
        return min(interval_s, max(interval_s / MISSING_ANSWER_SPEEDUP, 2 * MIN_PROBE_INTERVAL_S))
    return usual_probe_interval_s(line)


def usual_probe_interval_s(line: UplinkMemory) -> float:
    """The interval while nothing is in doubt."""
    interval_s = line.settings.interval_s
    watched = is_alive(line) and not line.settings.metered and bool(tested_losses(line))
    return (
        min(interval_s, max(interval_s / LOSS_LIMIT_SPEEDUP, 2 * MIN_PROBE_INTERVAL_S))
        if watched
        else interval_s
    )


def remaining_fast_budget_s(line: UplinkMemory, at: float) -> float:
    """What is left of the time for fast probes when one more is sent."""
    gap = at - line.last_probe_at
    if gap < 0.6 * usual_probe_interval_s(line):
        return max(line.fast_probe_budget_s - gap, 0.0)
    return min(line.fast_probe_budget_s + FAST_PROBE_REFILL_SHARE * gap, FAST_PROBE_BUDGET_S)


def _is_loss_in_doubt(line: UplinkMemory) -> bool:
    """Whether its loss is in doubt for some policy, and fast probes may still be sent for it."""
    if (
        line.fast_probe_budget_s <= 0
        or not is_alive(line)
        or line.consecutive_losses > MAX_COUNTED_LOSSES_IN_ROW
    ):
        return False  # a longer row is silence: it counts no more here, and has its own interval
    pairs = zip(line.settings.loss_limits, line.evidence, strict=True)
    in_doubt = {loss for loss, each in pairs if each.quick > 0}
    return bool(in_doubt and in_doubt & tested_losses(line))
