"""A whole rehearsal: builds the venue, runs the checks in order, removes everything."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from lbrouter.model.config import Config, PolicyMode
from lbrouter.rehearsal.analysis import bandwidth_analysis
from lbrouter.rehearsal.checks import (
    apply_and_down,
    bandwidth,
    fault_procedure,
    isolation,
    policy_shares,
)
from lbrouter.rehearsal.checks.context import Progress, RehearsalContext, RehearsalOptions
from lbrouter.rehearsal.checks.fault_waits import wait_for_lanes
from lbrouter.rehearsal.lab.daemon_process import DaemonProcess
from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.process import TERMINATION_SIGNALS
from lbrouter.rehearsal.lab.venue import Venue
from lbrouter.rehearsal.report.tables import Check, CheckVerdict, RehearsalReport


def rehearse(
    config: Config, *, progress: Progress = print, options: RehearsalOptions | None = None
) -> RehearsalReport:
    """Rehearse `config` in a venue of namespaces with real traffic; `progress` gets each step.

    Raises NotPermittedError without root, UnavailableError when a tool or a feature is missing,
    LabError when the venue itself fails. A gateway that fails is a row of the report.
    """
    options = options or RehearsalOptions()
    began = time.monotonic()
    with _signals_as_exit():
        progress("building the venue")
        with Venue.build(
            config, options=options.venue_options or _venue_options(config, options)
        ) as venue:
            context = RehearsalContext(venue, options, progress)
            before = venue.gateway.snapshot()
            checks = tuple(_run_checks(context))
            applied = checks[0].verdict is not CheckVerdict.FAIL
            faults = tuple(fault_procedure.run_faults(context)) if applied else ()
            rates = (
                tuple(bandwidth_analysis.in_file_order(bandwidth.measure_bandwidth(context)))
                if applied
                else ()
            )
            checks += tuple(apply_and_down.check_down(context, before)) if applied else ()
            progress("removing the venue")
    return RehearsalReport(
        gateway=config.gateway.name,
        checks=checks,
        faults=faults,
        bandwidth=rates,
        notes=(
            *venue.layout.notes,
            *fault_procedure.fault_notes(faults),
            *(bandwidth.BANDWIDTH_NOTES if rates else ()),
        ),
        seconds=time.monotonic() - began,
    )


def _run_checks(context: RehearsalContext) -> Iterator[Check]:
    """All checks in order; if the gateway does not apply, no other check is run."""
    applied = list(apply_and_down.check_apply(context))
    yield from applied
    if applied[0].verdict is CheckVerdict.FAIL:
        return
    with _daemon_for_lanes(context):
        yield from policy_shares.check_shares(context)
        yield from policy_shares.check_reachability(context)
    check_functions: tuple[Callable[[RehearsalContext], Iterator[Check]], ...] = (
        isolation.check_isolation,
        isolation.check_open_ports,
    )
    isolation.start_inside_servers(context)
    for check_function in check_functions:
        yield from check_function(context)


@contextmanager
def _daemon_for_lanes(context: RehearsalContext) -> Iterator[None]:
    """With a lane the daemon must run: it alone knows that the relay answers."""
    if not context.venue.relays:
        yield
        return
    with DaemonProcess(context.venue.gateway) as daemon:
        wait_for_lanes(context, daemon)
        yield


def _venue_options(config: Config, options: RehearsalOptions) -> VenueOptions:
    """As many addresses for each client host as the checks need new clients."""
    sticky = any(
        policy.mode is PolicyMode.BALANCE and policy.sticky for policy in config.policies.values()
    )
    fault_clients = (
        2 * len(config.uplinks) * len(options.faults) * fault_procedure.FAULT_CLIENTS_PER_POLICY
    )
    return VenueOptions(
        addresses_per_client=policy_shares.SHARE_CHECK_CLIENTS
        + bandwidth.LOAD_SOURCES_PER_VLAN
        + fault_clients
        if sticky
        else 8
    )


@contextmanager
def _signals_as_exit() -> Iterator[None]:
    """Let the signals that end us do so by an exception, as Ctrl-C does: the venue is removed.

    Only the main thread can ask for that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {
        number: signal.signal(number, _raise_exit)
        for number in TERMINATION_SIGNALS - {signal.SIGINT}
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _raise_exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
