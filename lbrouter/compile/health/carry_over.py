"""The memory under another configuration: what is known of a line belongs to its identity.

That is its interface and its address (`settings.line_identity`). A rename, another interval, other
targets or policies keep all that still has a meaning.
"""

from collections.abc import Mapping
from dataclasses import replace

from lbrouter.compile.health.state import LineKey
from lbrouter.compile.health.statistics.loss_test import LossEvidence
from lbrouter.compile.health.statistics.windows import ProbeWindow
from lbrouter.compile.health.uplink_memory import PolicyTolerance, TargetStats, UplinkMemory


def carried_lines(
    old: Mapping[LineKey, UplinkMemory], new: Mapping[LineKey, UplinkMemory]
) -> dict[LineKey, UplinkMemory]:
    """The lines of `new`, each with the memory of the line of `old` that has its identity."""
    known = {line.settings.identity: line for line in old.values()}
    return {key: carry_over(known.get(line.settings.identity), line) for key, line in new.items()}


def carry_over(old: UplinkMemory | None, new: UplinkMemory) -> UplinkMemory:
    """The memory of a line under new settings."""
    if old is None:
        return new
    evidence = dict(zip(old.settings.loss_limits, old.evidence, strict=True))
    tolerances = {
        x.policy: s for x, s in zip(old.settings.limits, old.policy_tolerance, strict=True)
    }
    return replace(
        old,
        settings=new.settings,
        targets={
            target: _carried_target(old.targets.get(target), fresh)
            for target, fresh in new.targets.items()
        },
        # Another prober may take over: what its predecessor sent is neither answered nor lost.
        outstanding=(),
        evidence=tuple(evidence.get(loss, LossEvidence()) for loss in new.settings.loss_limits),
        policy_tolerance=tuple(
            tolerances.get(x.policy, PolicyTolerance()) for x in new.settings.limits
        ),
        follows_other_family=new.follows_other_family,
    )


def _carried_target(old: TargetStats | None, fresh: TargetStats) -> TargetStats:
    """What is known of a target. Buckets of another width begin again."""
    if old is None:
        return fresh
    same = old.window.width_s == fresh.window.width_s
    return old if same else replace(old, window=ProbeWindow(width_s=fresh.window.width_s))


def new_names(
    old: Mapping[LineKey, UplinkMemory], new: Mapping[LineKey, UplinkMemory]
) -> dict[str, str]:
    """The name that each uplink has now, by the name that it had."""
    before = {line.settings.identity: key[0] for key, line in old.items()}
    return {
        before[line.settings.identity]: key[0]
        for key, line in new.items()
        if line.settings.identity in before
    }
