"""What is known of each line as plain data, and back: it survives a restart of the daemon.

A line is saved under its identity, so a file that names it otherwise finds it again. Times are of
the monotonic clock, which goes on through a restart and begins anew with a boot. The time without a
daemon proves nothing: it counts neither as clean nor as silent.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from typing import Any, Final

from lbrouter.compile.health.machine import initial_state, reconfigure
from lbrouter.compile.health.state import HealthState
from lbrouter.compile.health.statistics.damping import DampingPenalty
from lbrouter.compile.health.statistics.loss_test import LossEvidence
from lbrouter.compile.health.uplink_memory import (
    LONG_AGO,
    PolicyTolerance,
    QualityMetric,
    TargetStats,
    UplinkMemory,
)
from lbrouter.model.config import Config
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.message import parse_message

SavedMemory = Mapping[str, Any]
"""Numbers, texts, lists and mappings of these, as JSON has them."""

FLAGS: Final = (
    "judged", "present", "carrier", "addressed", "drained", "move_flows", "responding",
    "suspect", "was_late", "is_black_hole",
)  # fmt: skip
MOMENTS: Final = ("since", "link_lost_at", "dead_at", "last_fault_at", "suspect_until")
FIGURES: Final = ("usual_loss", "badness")
PENALTIES: Final = ("suspect_penalty", "flap_penalty")


def saved_memory(state: HealthState) -> SavedMemory:
    """Everything that the next daemon should know."""
    return {
        "at": state.at,
        "lines": {
            line.settings.identity: {**_saved_line(line), "uplink": name}
            for (name, _), line in state.lines.items()
        },
        "answered": sorted([str(family), target] for family, target in state.answered_targets),
    }


def restored_state(
    config: Config, at: float, saved: SavedMemory, known: GatewayHealth
) -> HealthState:
    """The state with what was saved of each line, by its identity; pins and the rest as `known`.

    Raises KeyError, TypeError, ValueError where `saved` is no such document.
    """
    fresh = initial_state(config, at, known)
    gone_s = max(at - float(saved["at"]), 0.0)
    lines = {
        key: _restored_line(line, saved["lines"][line.settings.identity], at, gone_s)
        if line.settings.identity in saved["lines"]
        else line
        for key, line in fresh.lines.items()
    }
    answered = frozenset((AddressFamily(family), str(t)) for family, t in saved["answered"])
    # To reconfigure with the same file marks the families that follow the other one.
    return reconfigure(replace(fresh, lines=lines, answered_targets=answered), config, at)


def _saved_line(line: UplinkMemory) -> dict[str, Any]:
    found: dict[str, Any] = {name: getattr(line, name) for name in (*FLAGS, *FIGURES)}
    found |= {name: _finite(getattr(line, name)) for name in MOMENTS}
    found |= {name: _saved_penalty(getattr(line, name)) for name in PENALTIES}
    pairs = zip(line.settings.loss_limits, line.evidence, strict=True)
    tolerances = zip(line.settings.limits, line.policy_tolerance, strict=True)
    return found | {
        "state": str(line.state),
        "full_size_bytes": line.full_size_bytes,
        "no_address_reason": None
        if line.no_address_reason is None
        else line.no_address_reason.as_json(),
        "evidence": [[loss, each.quick, each.thorough] for loss, each in pairs],
        "tolerances": {limits.policy: _saved_tolerance(each) for limits, each in tolerances},
        "targets": {
            target: [seen.srtt_s, seen.rttvar_s, seen.excluded, seen.answers_full_size]
            for target, seen in line.targets.items()
        },
    }


def _saved_tolerance(tolerance: PolicyTolerance) -> list[Any]:
    metric = None if tolerance.exceeded is None else str(tolerance.exceeded)
    return [metric, tolerance.within_since, *_saved_penalty(tolerance.penalty)]


def _saved_penalty(penalty: DampingPenalty) -> list[float]:
    return [penalty.count, penalty.at]


def _finite(moment: float) -> float | None:
    return moment if isfinite(moment) else None


def _restored_line(
    fresh: UplinkMemory, saved: Mapping[str, Any], at: float, gone_s: float
) -> UplinkMemory:
    """The line with what was saved; moments of the time before are moved on by `gone_s`."""
    evidence = {
        float(loss): LossEvidence(quick=float(quick), thorough=float(thorough))
        for loss, quick, thorough in saved["evidence"]
    }
    values: dict[str, Any] = {name: bool(saved[name]) for name in FLAGS}
    values |= {name: float(saved[name]) for name in FIGURES}
    values |= {name: _moved(saved[name], gone_s) for name in MOMENTS}
    values |= {name: _restored_penalty(saved[name]) for name in PENALTIES}
    values |= {
        "state": UplinkState(saved["state"]),
        "no_address_reason": saved["no_address_reason"]
        and parse_message(saved["no_address_reason"]),
        "full_size_bytes": int(saved["full_size_bytes"]),
        "silent_since": at,
        "evidence": tuple(evidence.get(x, LossEvidence()) for x in fresh.settings.loss_limits),
        "policy_tolerance": tuple(
            _restored_tolerance(saved["tolerances"].get(limits.policy), gone_s)
            for limits in fresh.settings.limits
        ),
        "targets": {
            target: _restored_target(seen, saved["targets"].get(target))
            for target, seen in fresh.targets.items()
        },
    }
    return replace(fresh, **values)


def _restored_tolerance(saved: Any, gone_s: float) -> PolicyTolerance:
    if saved is None:
        return PolicyTolerance()
    metric, within_since, count, at = saved
    return PolicyTolerance(
        exceeded=None if metric is None else QualityMetric(metric),
        within_since=None if within_since is None else float(within_since) + gone_s,
        penalty=_restored_penalty([count, at]),
    )


def _restored_target(fresh: TargetStats, saved: Any) -> TargetStats:
    if saved is None:
        return fresh
    srtt_s, rttvar_s, excluded, full_size = saved
    return replace(
        fresh,
        srtt_s=None if srtt_s is None else float(srtt_s),
        rttvar_s=float(rttvar_s),
        excluded=bool(excluded),
        answers_full_size=bool(full_size),
    )


def _restored_penalty(saved: Any) -> DampingPenalty:
    count, at = saved
    return DampingPenalty(count=float(count), at=float(at))


def _moved(moment: Any, gone_s: float) -> float:
    return LONG_AGO if moment is None else float(moment) + gone_s
