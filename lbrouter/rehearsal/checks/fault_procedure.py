"""The act of faults: for each uplink one after the other, with the real daemon and streams."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from lbrouter.model.config import Config, PolicyMode
from lbrouter.model.sections.addresses import Addressing
from lbrouter.model.units import Duration
from lbrouter.rehearsal.analysis import fault_analysis
from lbrouter.rehearsal.analysis.expected import TrafficPath
from lbrouter.rehearsal.analysis.fault_analysis import FaultOutcome, FaultTimes
from lbrouter.rehearsal.checks.context import RehearsalContext
from lbrouter.rehearsal.checks.fault_run import FaultRun, PolicyObservation
from lbrouter.rehearsal.checks.policy_shares import paths_by_policy
from lbrouter.rehearsal.lab.daemon_process import DaemonProcess
from lbrouter.rehearsal.lab.dhcp_server import LEASE_REBIND_S, LEASE_RENEW_S
from lbrouter.rehearsal.lab.faults import (
    FAULT_TITLES,
    Expectation,
    ExpectedReaction,
    Fault,
    expectation_for,
    inject_fault,
)
from lbrouter.rehearsal.lab.process import JsonRow, poll_until
from lbrouter.rehearsal.report.tables import CheckVerdict, FaultRow

REHEARSAL_UP_AFTER_MS = 1000
"""In the rehearsed copy: the file's own ten seconds would be waited for at each fault."""

NO_LEASE_NOTE = "not rehearsed: its address is not leased"

FAULT_NOTES = (
    "faults: in the rehearsal lines return after 1 s without fault (up_after)",
    "faults: after loss, latency and a portal the return is not waited for",
    "faults: the encoder waits 2 s before it connects anew, as OBS Studio does by default",
)
"""What the reader of the rows must know."""

LEASE_FAULT_NOTE = (
    f"faults: another lease is noticed when the daemon asks for it:"
    f" every {LEASE_RENEW_S} s its server, "
    f"after {LEASE_REBIND_S} s everybody"
)
"""The same, where a lease has changed."""

FAULT_CLIENTS_PER_POLICY = 4
"""Clients of each balance policy in each fault; a failover policy needs one."""

FAULT_REACTION_TIMEOUT_S, SLOW_FAULT_REACTION_TIMEOUT_S, NO_REACTION_OBSERVATION_S = 6.0, 9.0, 2.0
"""A fault at most, and one that takes evidence; so long is watched whether all stays as it is."""

UPLINK_RETURN_TIMEOUT_S, RETURNED_FLOW_TIMEOUT_S = 14.0, 1.5
"""For the line to be used again (the third flap asks for four clean seconds), and to see it."""

SLOW_FAULTS = frozenset({Fault.LOSS, Fault.LATENCY, Fault.PORTAL})
FAULT_BASELINE_S = 0.6
"""Of undisturbed flows before a fault: it shows where each of them goes."""


def with_short_up_after(config: Config) -> Config:
    """The copy for this act: lines return after `UP_AFTER_MS`."""
    up_after = Duration(REHEARSAL_UP_AFTER_MS)
    uplinks = {
        name: uplink.model_copy(
            update={
                "health": uplink.health.model_copy(
                    update={"up_after": None if uplink.health.up_after is None else up_after}
                )
            }
        )
        for name, uplink in config.uplinks.items()
    }
    health = config.health.model_copy(update={"up_after": up_after})
    return config.model_copy(update={"uplinks": uplinks, "health": health})


def with_dhcp_uplink(config: Config, uplink: str) -> Config:
    """The copy for the fault of a lease: the uplink asks a server for its address."""
    change = {"address": Addressing.DHCP, "gateway": None}
    uplinks = {**config.uplinks, uplink: config.uplinks[uplink].model_copy(update=change)}
    return config.model_copy(update={"uplinks": uplinks})


def fault_notes(rows: Iterable[FaultRow]) -> Iterator[str]:
    """What the reader of these rows must know."""
    played = {row.fault for row in rows if row.policy}
    yield from FAULT_NOTES if played else ()
    if Fault.LEASE in played:
        yield LEASE_FAULT_NOTE


def run_faults(context: RehearsalContext) -> Iterator[FaultRow]:
    """Every fault of every uplink; the file as it was is in its place again at the end."""
    if not context.options.faults:
        return
    context.venue.write_config(with_short_up_after(context.config))
    for name in context.venue.isps:
        for fault in context.options.faults:
            if fault is Fault.LEASE and name not in context.venue.layout.dhcp_uplinks:
                yield FaultRow(
                    uplink=name, fault=fault, verdict=CheckVerdict.INFO, note=NO_LEASE_NOTE
                )
                continue
            context.progress(f"{name}: {FAULT_TITLES[fault]}")
            with _dhcp_for_lease_fault(context, name, fault):
                yield from run_fault(context, name, fault)
    context.venue.write_config(context.config)


@contextmanager
def _dhcp_for_lease_fault(context: RehearsalContext, uplink: str, fault: Fault) -> Iterator[None]:
    """For a lease a DHCP server at the provider, and a file that asks for one."""
    if fault is not Fault.LEASE:
        yield
        return
    isp, copy = context.venue.isp(uplink), with_short_up_after(context.config)
    isp.offer_lease(renew_s=LEASE_RENEW_S, rebind_s=LEASE_REBIND_S)
    context.venue.write_config(with_dhcp_uplink(copy, uplink))
    yield
    isp.restore()
    context.venue.write_config(copy)


def run_fault(context: RehearsalContext, uplink: str, fault: Fault) -> Iterator[FaultRow]:
    """One fault of one uplink, from a daemon that knows nothing of the one before."""
    isp, server = context.venue.isp(uplink), context.venue.internet.server
    with DaemonProcess(context.venue.gateway) as warden:
        if fault is Fault.LEASE:  # a line without an address yet begins as one that is down
            poll_until(
                lambda: warden.uplink_state(uplink) == "up", within_s=UPLINK_RETURN_TIMEOUT_S
            )
        started = [
            _start_observation(context, found[0], uplink, fault)
            for found in paths_by_policy(context).values()
        ]
        poll_until(lambda: all(each.process.ask("look")["running"] for each in started), within_s=3)
        server.take_stream_arrivals()
        poll_until(lambda: False, within_s=FAULT_BASELINE_S)
        watches = [
            replace(each, used_uplink=uplink in _last_flow_uplinks(context, each))
            for each in started
        ]
        begin = time.monotonic()
        inject_fault(fault, isp)
        scene = FaultRun(isp=isp, fault=fault, began_at=begin, observations=watches, daemon=warden)
        _wait_for_reaction(context, scene)
        healed, detected = time.monotonic(), scene.detected_at()
        if fault is not Fault.LEASE:  # the new lease stays
            isp.restore()
        _wait_for_return(context, scene)
        end = time.monotonic()
        rows = [each.process.stop() for each in watches]
    moments, times = (
        FaultTimes(began_at=begin, restored_at=healed, ended_at=end),
        server.take_stream_arrivals(),
    )
    for watch, each in zip(watches, rows, strict=True):
        heard = [row | times.get(row["flow"], {}) for row in each]
        seen = _read_outcome(context, scene, heard, moments)
        yield _fault_row(uplink, fault, watch, seen, detected and (detected - begin) * 1000)


def _read_outcome(
    context: RehearsalContext, fault_run: FaultRun, heard: list[JsonRow], moments: FaultTimes
) -> FaultOutcome:
    """What a policy's flows saw. A changed lease is no fault that ends: nothing returns from it."""
    where, uplink = context.venue.uplink_of, fault_run.uplink
    if fault_run.fault is not Fault.LEASE:
        return fault_analysis.fault_outcome(heard, uplink, moments, where)
    seen = fault_analysis.fault_outcome(
        heard, uplink, replace(moments, restored_at=moments.ended_at), where
    )
    again = fault_analysis.lease_return_ms(
        heard, uplink, moments.began_at, moments.restored_at, where
    )
    return replace(seen, back_ms=again)


def _start_observation(
    context: RehearsalContext, path: TrafficPath, uplink: str, fault: Fault
) -> PolicyObservation:
    """Start the flows of a policy, and say what it owes."""
    policy, client = context.config.policies[path.policy], context.venue.client(path.vlan)
    balance = policy.mode is PolicyMode.BALANCE
    pools = [
        context.unused_addresses(client, path.version, FAULT_CLIENTS_PER_POLICY if balance else 1)
        for _ in range(2)
    ]
    sources, later = ([str(source) for source in pool] for pool in pools)
    job = client.start_streams(
        to=path.to,
        port=path.port,
        kinds=["push", "udp", "call"] if path.version == 4 else ["call"],
        sources=sources,
        later=later,
        wait_s=fault_analysis.ENCODER_RECONNECT_S,
    )
    able = [name for name in policy.uplinks if name in context.usable_lines(path.version)]
    owed = None
    if uplink in able:
        mine, others = context.config.uplinks[uplink], len(able) > 1
        owed = expectation_for(
            fault, context.config, policy, mine, others=others, version=path.version
        )
    return PolicyObservation(
        path=path, process=job, expectation=owed, sticky=balance and policy.sticky > 0
    )


def _last_flow_uplinks(
    context: RehearsalContext, observation: PolicyObservation
) -> list[str | None]:
    """Where the last new flows went; None is a flow that failed."""
    rows = observation.process.ask("look")["new"][-fault_analysis.RECENT_FLOW_COUNT :]
    return [context.venue.uplink_of(row["seen"]) for row in rows]


def _wait_for_reaction(context: RehearsalContext, fault_run: FaultRun) -> None:
    """Until everybody has done what he owes, or the time for that is over."""
    quiet = fault_run.began_at + NO_REACTION_OBSERVATION_S
    nothing = not all(
        each.expects(ExpectedReaction.LEAVE) or not each.used_uplink
        for each in fault_run.observations
    )

    def settled() -> bool:
        waits = (
            each for each in fault_run.observations if not _has_reacted(context, each, fault_run)
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
    look = observation.process.ask("look")
    new = [row for row in look["new"] if row["at"] >= fault_run.began_at]
    if observation.expects(ExpectedReaction.REFUSE):
        return fault_analysis.refused_at_once(new)
    if not observation.expects(ExpectedReaction.LEAVE) or observation.expectation is None:
        return True
    places = [
        context.venue.uplink_of(row["seen"]) for row in new[-fault_analysis.RECENT_FLOW_COUNT :]
    ]
    moved = len(places) >= fault_analysis.RECENT_FLOW_COUNT and not {None, fault_run.uplink} & set(
        places
    )
    return moved and (look["running"] or not observation.expectation.returns)


def _wait_for_return(context: RehearsalContext, fault_run: FaultRun) -> None:
    """Until new flows go by the uplink again, where that is waited for.

    A client of a sticky policy stays where it is now; only one that is new shows that the uplink is
    used again, and it must not come before that.
    """
    waiting = [each for each in fault_run.observations if each.must_return]
    for each in waiting:
        if each.sticky:
            each.process.ask("pause")

    def active() -> bool:
        policies = fault_run.daemon.status()["policies"]
        return all(fault_run.uplink in policies[each.path.policy]["active"] for each in waiting)

    poll_until(active, within_s=UPLINK_RETURN_TIMEOUT_S)
    for each in waiting:
        if each.sticky:
            each.process.ask("later")
    poll_until(
        lambda: all(fault_run.uplink in _last_flow_uplinks(context, each) for each in waiting),
        within_s=RETURNED_FLOW_TIMEOUT_S,
    )
    if fault_run.fault is Fault.LEASE:  # its streams have not run elsewhere meanwhile
        poll_until(lambda: all(each.process.ask("look")["running"] for each in waiting),
                within_s=fault_analysis.ENCODER_ALLOWANCE_MS / 1000)  # fmt: skip


def _fault_row(
    uplink: str,
    fault: Fault,
    observation: PolicyObservation,
    seen: FaultOutcome,
    detected_ms: float | None,
) -> FaultRow:
    """What one policy saw, and whether that is what it owes."""
    owed = observation.expectation or Expectation(reaction=ExpectedReaction.STAY)
    wrong = fault_analysis.violations(owed, seen)
    if owed.reaction is ExpectedReaction.RENEW and detected_ms is None:
        wrong.append(f"the new address was not in use within {SLOW_FAULT_REACTION_TIMEOUT_S:.0f} s")
    verdict = CheckVerdict.INFO if owed.reaction is ExpectedReaction.ANY else CheckVerdict.PASS
    return FaultRow(
        uplink=uplink,
        fault=fault,
        policy=observation.label,
        duty=owed.reaction,
        verdict=CheckVerdict.FAIL if wrong else verdict,
        note="; ".join(wrong) or owed.reason,
        detected_ms=detected_ms,
        moved_ms=seen.moved_ms,
        left=seen.left,
        refused=seen.refused,
        gaps_ms=seen.gaps_ms,
        broken=seen.broken,
        back_ms=seen.back_ms if owed.returns else None,
    )
