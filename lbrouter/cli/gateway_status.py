"""The status document as it can be read off the kernel, without a daemon."""

from contextlib import suppress
from math import ceil

from lbrouter.cli.context import build_applier, load_config_file
from lbrouter.cli.effects import dnsmasq_service
from lbrouter.cli.output.render import print_damage
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.report import status as report
from lbrouter.compile.report.kernel_status import (
    difference_reason,
    differences_without_daemon,
    kernel_status,
)
from lbrouter.compile.report.status import StatusInputs
from lbrouter.compile.report.status_types import Status
from lbrouter.daemon.config_file import ConfigFile, parse_config
from lbrouter.daemon.confirm.commit_confirm import differs, is_rejected
from lbrouter.daemon.confirm.pending_commit import PendingCommitStore
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.read.counters import measure_traffic
from lbrouter.kernel.storage.store import StateStore
from lbrouter.model.errors import ConfigError
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.phrase import phrase
from lbrouter.services.dnsmasq_status import dnsmasq_status


async def status_from_kernel(settings: CommandSettings) -> Status:
    """What can be read off the kernel alone: of the file in force, whatever the one on disk says.

    Where nothing is applied it is of the file on disk, which must be a right one then.
    """
    waiting = PendingCommitStore(
        state_dir=settings.state_dir, runtime_dir=settings.runtime_dir, report=print_damage
    )
    async with LinuxKernel() as kernel:
        applier = build_applier(settings, kernel)
        applied = _file_in_force(applier.store, waiting)
        file = applied or load_config_file(settings)
        snapshot = await applier.observe(file.config)
        planned = snapshot.planned(file)
        # What the kernel lacks of the configuration in force, None where it lacks
        # nothing.
        reason = (
            None
            if applied is None
            else difference_reason(differences_without_daemon(planned.steps()))
        )
    seen = StatusInputs(
        allocation=snapshot.allocation,
        facts=snapshot.facts,
        observed=snapshot.observed,
        health=snapshot.health,
        shortfalls=planned.shaping.shortfalls,
        measured=await measure_traffic(interfaces_of(file.config)),
        config_digest=file.digest,
        observed_at=utc_timestamp(precision="seconds"),
    )
    composed = report.status_document(file.config, seen)
    left = waiting.remaining_s()
    composed["pending_confirm_s"] = None if left is None else ceil(left)
    composed["kernel"] = kernel_status(since=seen.observed_at, reason=reason)
    composed["rejected_file"] = is_rejected(settings.config, waiting)
    composed["unapplied_file"] = applied is not None and differs(settings.config, applied)
    server = dnsmasq_status(dnsmasq_service(settings), file.config)
    composed["services"] = {"dnsmasq": server}
    return composed


def _file_in_force(store: StateStore, waiting: PendingCommitStore) -> ConfigFile | None:
    """What was applied last: the pending commit, or the last good configuration; None for nothing.

    After `down`, and before the first apply, nothing is remembered of the settings as they were.
    """
    if store.load_baseline() == KernelState():
        return None
    record = waiting.read()
    text = store.load_config() if record is None else record.new.encode()
    if text is None:
        return None
    with suppress(ConfigError):  # of another release
        return parse_config(text, source=phrase("the configuration in force"))
    return None
