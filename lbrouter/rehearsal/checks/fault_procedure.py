"""The fault checks: for each uplink one after the other, with the real daemon and streams."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from lbrouter.model.config import PolicyMode
from lbrouter.rehearsal.analysis import fault_analysis
from lbrouter.rehearsal.analysis.expected import TrafficPath
from lbrouter.rehearsal.analysis.fault_analysis import FaultOutcome, FaultTimes
from lbrouter.rehearsal.analysis.seamless_analysis import (
    has_second_line,
    seamless_outcome,
    seamless_violations,
)
from lbrouter.rehearsal.checks.context import RehearsalContext
from lbrouter.rehearsal.checks.fault_config import with_dhcp_uplink, with_short_up_after
from lbrouter.rehearsal.checks.fault_run import FaultRun, PolicyObservation
from lbrouter.rehearsal.checks.fault_waits import (
    SLOW_FAULT_REACTION_TIMEOUT_S,
    UPLINK_RETURN_TIMEOUT_S,
    last_flow_uplinks,
    wait_for_lanes,
    wait_for_reaction,
    wait_for_return,
)
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

NO_LEASE_NOTE = "not rehearsed: its address is not leased"

FAULT_NOTES = (
    "faults: in the rehearsal lines return after 1 s without fault (up_after)",
    "faults: after loss, latency and a portal the return is not waited for",
    "faults: the encoder waits 2 s before it connects again, as OBS Studio does by default",
)
"""What the reader of the rows must know."""

LEASE_FAULT_NOTE = (
    f"faults: another lease is noticed when the daemon asks for it:"
    f" every {LEASE_RENEW_S} s its server, "
    f"after {LEASE_REBIND_S} s every server"
)
"""The same, where a lease has changed."""

FAULT_CLIENTS_PER_POLICY = 4
"""Clients of each balance policy in each fault; a failover policy needs one."""


FAULT_BASELINE_S = 0.6
"""Of undisturbed flows before a fault: it shows where each of them goes."""


def fault_notes(rows: Iterable[FaultRow]) -> Iterator[str]:
    """What the reader of these rows must know."""
    injected = {row.fault for row in rows if row.policy}
    yield from FAULT_NOTES if injected else ()
    if Fault.LEASE in injected:
        yield LEASE_FAULT_NOTE


def run_faults(context: RehearsalContext) -> Iterator[FaultRow]:
    """Every fault of every uplink; the first configuration is back in place at the end."""
    if not context.options.faults:
        return
    context.venue.write_config(with_short_up_after(context.config))
    for name, fault in _planned_faults(context):
        if fault is Fault.LEASE and name not in context.venue.layout.dhcp_uplinks:
            yield FaultRow(uplink=name, fault=fault, verdict=CheckVerdict.INFO, note=NO_LEASE_NOTE)
            continue
        context.progress(f"{name}: {FAULT_TITLES[fault]}")
        with _dhcp_for_lease_fault(context, name, fault):
            yield from run_fault(context, name, fault)
    context.venue.write_config(context.config)


def _planned_faults(context: RehearsalContext) -> Iterator[tuple[str, Fault]]:
    """Each fault of a line on each line, and that of a relay on each lane."""
    faults = context.options.faults
    for name in context.venue.isps:
        yield from ((name, fault) for fault in faults if fault is not Fault.RELAY)
    for name in context.venue.relays if Fault.RELAY in faults else ():
        yield name, Fault.RELAY


@contextmanager
def _dhcp_for_lease_fault(context: RehearsalContext, uplink: str, fault: Fault) -> Iterator[None]:
    """For a lease fault: a DHCP server at the provider, and a configuration that asks it."""
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
    """One fault of one uplink, with a new daemon that has no saved health."""
    host, server = context.venue.faulty_host(uplink), context.venue.internet.server
    with DaemonProcess(context.venue.gateway) as daemon:
        if fault is Fault.LEASE:  # IPv6 may carry the uplink before IPv4 has an address
            poll_until(
                lambda: daemon.family_state(uplink, 4) == "up", within_s=UPLINK_RETURN_TIMEOUT_S
            )
        wait_for_lanes(context, daemon)
        started = [
            _start_observation(context, paths[0], uplink, fault)
            for paths in paths_by_policy(context).values()
        ]
        poll_until(
            lambda: all(observation.process.ask("look")["running"] for observation in started),
            within_s=3,
        )
        server.take_stream_arrivals()
        poll_until(lambda: False, within_s=FAULT_BASELINE_S)
        observations = [
            replace(observation, used_uplink=uplink in last_flow_uplinks(context, observation))
            for observation in started
        ]
        begin = time.monotonic()
        inject_fault(fault, host)
        fault_run = FaultRun(
            host=host, fault=fault, began_at=begin, observations=observations, daemon=daemon
        )
        wait_for_reaction(context, fault_run)
        restored, detected = time.monotonic(), fault_run.detected_at()
        if fault is not Fault.LEASE:  # the new lease stays
            host.restore()
        wait_for_return(context, fault_run)
        end = time.monotonic()
        rows = [observation.process.stop() for observation in observations]
    moments, times = (
        FaultTimes(began_at=begin, restored_at=restored, ended_at=end),
        server.take_stream_arrivals(),
    )
    for observation, own_rows in zip(observations, rows, strict=True):
        flow_rows = [row | times.get(row["flow"], {}) for row in own_rows]
        seen = _read_outcome(context, fault_run, flow_rows, moments)
        detected_ms = detected and (detected - begin) * 1000
        row = _fault_row(uplink, fault, observation, seen, detected_ms)
        yield _with_lane_outcome(context, row, flow_rows, moments)


def _with_lane_outcome(
    context: RehearsalContext, row: FaultRow, rows: list[JsonRow], moments: FaultTimes
) -> FaultRow:
    """The row, with what the streams in a lane noticed; they do notice when its relay is gone."""
    lanes = frozenset(context.venue.relays) - {row.uplink}
    seen = seamless_outcome(rows, lanes, moments, context.venue.uplink_of)
    if seen is None:
        return row
    wrong = []
    if has_second_line(context.config, seen.lane):
        wrong = seamless_violations(seen, userspace=not context.venue.has_kernel_wireguard)
    return replace(
        row,
        seamless=seen,
        verdict=CheckVerdict.FAIL if wrong else row.verdict,
        note="; ".join([row.note, *wrong] if row.note else wrong),
    )


def _read_outcome(
    context: RehearsalContext, fault_run: FaultRun, rows: list[JsonRow], moments: FaultTimes
) -> FaultOutcome:
    """What a policy's flows saw. A changed lease is no fault that ends: nothing returns from it."""
    where, uplink = context.venue.uplink_of, fault_run.uplink
    if fault_run.fault is not Fault.LEASE:
        return fault_analysis.fault_outcome(rows, uplink, moments, where)
    seen = fault_analysis.fault_outcome(
        rows, uplink, replace(moments, restored_at=moments.ended_at), where
    )
    returned_ms = fault_analysis.lease_return_ms(
        rows, uplink, moments.began_at, moments.restored_at, where
    )
    return replace(seen, back_ms=returned_ms)


def _start_observation(
    context: RehearsalContext, path: TrafficPath, uplink: str, fault: Fault
) -> PolicyObservation:
    """Start the flows of a policy, and say what it must do."""
    policy, client = context.config.policies[path.policy], context.venue.client(path.vlan)
    balance = policy.mode is PolicyMode.BALANCE
    pools = [
        context.unused_addresses(client, path.version, FAULT_CLIENTS_PER_POLICY if balance else 1)
        for _ in range(2)
    ]
    sources, later = ([str(source) for source in pool] for pool in pools)
    process = client.start_streams(
        to=path.to,
        port=path.port,
        kinds=["push", "udp", "call"] if path.version == 4 else ["call"],
        sources=sources,
        later=later,
        wait_s=fault_analysis.ENCODER_RECONNECT_S,
    )
    able = [name for name in policy.uplinks if name in context.usable_uplinks(path.version)]
    expectation = None
    if uplink in able:
        own, others = context.config.uplinks[uplink], len(able) > 1
        expectation = expectation_for(
            fault, context.config, policy, own, others=others, version=path.version
        )
    return PolicyObservation(
        path=path, process=process, expectation=expectation, sticky=balance and policy.sticky > 0
    )


def _fault_row(
    uplink: str,
    fault: Fault,
    observation: PolicyObservation,
    seen: FaultOutcome,
    detected_ms: float | None,
) -> FaultRow:
    """What one policy saw, and whether that is as expected."""
    expectation = observation.expectation or Expectation(reaction=ExpectedReaction.STAY)
    wrong = fault_analysis.violations(expectation, seen)
    if expectation.reaction is ExpectedReaction.RENEW and detected_ms is None:
        wrong.append(f"the new address was not in use within {SLOW_FAULT_REACTION_TIMEOUT_S:.0f} s")
    verdict = (
        CheckVerdict.INFO if expectation.reaction is ExpectedReaction.ANY else CheckVerdict.PASS
    )
    return FaultRow(
        uplink=uplink,
        fault=fault,
        policy=observation.label,
        duty=expectation.reaction,
        verdict=CheckVerdict.FAIL if wrong else verdict,
        note="; ".join(wrong) or expectation.reason,
        detected_ms=detected_ms,
        moved_ms=seen.moved_ms,
        left=seen.left,
        refused=seen.refused,
        gaps_ms=seen.gaps_ms,
        broken=seen.broken,
        back_ms=seen.back_ms if expectation.returns else None,
    )
