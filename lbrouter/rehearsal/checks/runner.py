"""A whole rehearsal: builds the venue, plays the acts in order, clears everything away."""

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
from lbrouter.rehearsal.checks.context import Options, Progress, Stage
from lbrouter.rehearsal.lab.layout import Style
from lbrouter.rehearsal.lab.process import ENDINGS
from lbrouter.rehearsal.lab.venue import Venue
from lbrouter.rehearsal.report.tables import Check, Report, Verdict


def rehearse(
    config: Config, *, progress: Progress = print, options: Options | None = None
) -> Report:
    """Play `config` in a venue of namespaces with real traffic; tell `progress` what goes on.

    Raises NotPermittedError without root, UnavailableError when a tool or a feature is missing,
    LabError when the venue itself fails. A gateway that fails is a row of the report.
    """
    options = options or Options()
    began = time.monotonic()
    with _signals_raise():
        progress("building the venue")
        with Venue.build(config, style=options.style or _style(config, options)) as venue:
            stage = Stage(venue, options, progress)
            before = venue.gateway.snapshot()
            checks = tuple(_acts(stage))
            applied = checks[0].verdict is not Verdict.FAIL
            faults = tuple(fault_procedure.drills(stage)) if applied else ()
            rates = tuple(bandwidth_analysis.ordered(bandwidth.rates(stage))) if applied else ()
            checks += tuple(apply_and_down.down(stage, before)) if applied else ()
            progress("clearing the venue away")
    return Report(
        gateway=config.gateway.name,
        checks=checks,
        faults=faults,
        bandwidth=rates,
        notes=(
            *venue.site.notes,
            *fault_procedure.notes(faults),
            *(bandwidth.NOTES if rates else ()),
        ),
        seconds=time.monotonic() - began,
    )


def _acts(stage: Stage) -> Iterator[Check]:
    """All acts in order; without a gateway that applies, nothing else is worth playing."""
    applied = list(apply_and_down.apply(stage))
    yield from applied
    if applied[0].verdict is Verdict.FAIL:
        return
    acts: tuple[Callable[[Stage], Iterator[Check]], ...] = (
        policy_shares.shares,
        policy_shares.reachability,
        isolation.isolation,
        isolation.scan,
    )
    isolation.serve_inside(stage)
    for act in acts:
        yield from act(stage)


def _style(config: Config, options: Options) -> Style:
    """As many addresses for each client host as the acts need clients that are new."""
    sticky = any(
        policy.mode is PolicyMode.BALANCE and policy.sticky for policy in config.policies.values()
    )
    looks = 2 * len(config.uplinks) * len(options.faults) * fault_procedure.SOURCES
    return Style(addresses=policy_shares.CLIENTS + bandwidth.SOURCES + looks if sticky else 8)


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let the signals that end us do so by an exception, as Ctrl-C does: the venue is removed.

    Only the main thread can ask for that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, _leave) for number in ENDINGS - {signal.SIGINT}}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
