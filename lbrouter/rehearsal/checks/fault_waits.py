"""Waits during a fault: until the policies have reacted to it, and until their flows return."""

import time

from lbrouter.rehearsal.analysis import fault_analysis
from lbrouter.rehearsal.checks.context import RehearsalContext
from lbrouter.rehearsal.checks.fault_run import FaultRun, PolicyObservation
from lbrouter.rehearsal.lab.daemon_process import DaemonProcess
from lbrouter.rehearsal.lab.faults import ExpectedReaction, Fault
from lbrouter.rehearsal.lab.process import poll_until

FAULT_REACTION_TIMEOUT_S, SLOW_FAULT_REACTION_TIMEOUT_S, NO_REACTION_OBSERVATION_S = 6.0, 9.0, 2.0
"""Timeouts of a fault, and of one that takes evidence; how long to check that nothing changes."""

UPLINK_RETURN_TIMEOUT_S, RETURNED_FLOW_TIMEOUT_S = 14.0, 1.5
"""For the line to be used again (the third flap needs 4 s without fault), and to see it."""

LANE_RETURN_TIMEOUT_S = 20.0
"""For the first handshake with the relay, and the hold-down after it."""

OUT_OF_USE_STATES = frozenset({"down", "waiting", "checking"})
"""States of a family: a line that is up again in IPv4 may still wait for IPv6."""

SLOW_FAULTS = frozenset({Fault.LOSS, Fault.LATENCY, Fault.PORTAL})


def wait_for_lanes(context: RehearsalContext, daemon: DaemonProcess) -> None:
    """Wait until every lane is up: a daemon that has just started must hear its relay first."""
    lanes = context.venue.relays
    poll_until(
        lambda: all(daemon.uplink_state(name) == "up" for name in lanes),
        within_s=LANE_RETURN_TIMEOUT_S,
    )


def last_flow_uplinks(
    context: RehearsalContext, observation: PolicyObservation
) -> list[str | None]:
    """The uplinks of the last new flows; None is a flow that failed."""
    rows = observation.process.ask("look")["new"][-fault_analysis.RECENT_FLOW_COUNT :]
    return [context.venue.uplink_of(row["seen"]) for row in rows]


def wait_for_reaction(context: RehearsalContext, fault_run: FaultRun) -> None:
    """Wait until every policy has reacted as expected, or the time is over."""
    quiet = fault_run.began_at + NO_REACTION_OBSERVATION_S
    nothing = not all(
        observation.expects(ExpectedReaction.LEAVE) or not observation.used_uplink
        for observation in fault_run.observations
    )

    def settled() -> bool:
        waits = (
            observation
            for observation in fault_run.observations
            if not _has_reacted(context, observation, fault_run)
        )
        idle = nothing or not any(fault_run.event_times())
        return next(waits, None) is None and not (idle and time.monotonic() < quiet)

    if fault_run.fault is Fault.LEASE:
        poll_until(
            fault_run.new_lease_in_use, within_s=SLOW_FAULT_REACTION_TIMEOUT_S, interval_s=0.02
        )
    elif fault_run.fault is not Fault.FLAP:
        poll_until(
            settled,
            within_s=SLOW_FAULT_REACTION_TIMEOUT_S
            if fault_run.fault in SLOW_FAULTS
            else FAULT_REACTION_TIMEOUT_S,
        )


def _has_reacted(
    context: RehearsalContext, observation: PolicyObservation, fault_run: FaultRun
) -> bool:
    """Whether a policy's new flows, and its streams where they must, are where they should be."""
    state = observation.process.ask("look")
    new = [row for row in state["new"] if row["at"] >= fault_run.began_at]
    if observation.expects(ExpectedReaction.REFUSE):
        return fault_analysis.refused_at_once(new)
    if not observation.expects(ExpectedReaction.LEAVE) or observation.expectation is None:
        return True
    uplinks = [
        context.venue.uplink_of(row["seen"]) for row in new[-fault_analysis.RECENT_FLOW_COUNT :]
    ]
    moved = len(uplinks) >= fault_analysis.RECENT_FLOW_COUNT and not {None, fault_run.uplink} & set(
        uplinks
    )
    return moved and (state["running"] or not observation.expectation.returns)


def wait_for_return(context: RehearsalContext, fault_run: FaultRun) -> None:
    """Wait until new flows go by the uplink again, if that is expected.

    A client of a sticky policy stays where it is now; only one that is new shows that the uplink is
    used again, and it must not come before that.
    """
    waiting = [observation for observation in fault_run.observations if observation.must_return]
    for observation in waiting:
        if observation.sticky:
            observation.process.ask("pause")

    def active() -> bool:
        policies = fault_run.daemon.status()["policies"]
        return all(
            fault_run.uplink in policies[observation.path.policy]["active"]
            and fault_run.daemon.family_state(fault_run.uplink, observation.path.version)
            not in OUT_OF_USE_STATES
            for observation in waiting
        )

    poll_until(active, within_s=UPLINK_RETURN_TIMEOUT_S)
    for observation in waiting:
        if observation.sticky:
            observation.process.ask("later")
    poll_until(
        lambda: all(
            fault_run.uplink in last_flow_uplinks(context, observation) for observation in waiting
        ),
        within_s=RETURNED_FLOW_TIMEOUT_S,
    )
    if fault_run.fault is Fault.LEASE:  # its streams have not run elsewhere meanwhile
        poll_until(
            lambda: all(observation.process.ask("look")["running"] for observation in waiting),
            within_s=fault_analysis.ENCODER_ALLOWANCE_MS / 1000,
        )
