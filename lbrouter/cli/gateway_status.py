"""The status document: from the daemon, or off the kernel."""

from contextlib import suppress
from math import ceil
from typing import Final, cast

from lbrouter.cli.context import build_applier, load_config_file
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
from lbrouter.daemon.control_socket import client
from lbrouter.daemon.events.history import utc_timestamp
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.read.counters import measure_traffic
from lbrouter.kernel.storage.store import StateStore
from lbrouter.model.errors import ConfigError, NotAppliedError, NotPermittedError
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.phrase import phrase

STATUS_REPLY_TIMEOUT_S: Final = 5.0
"""A daemon that does not answer in this time is passed over: a person wants to know now."""


async def current_status(settings: CommandSettings) -> Status:
    """The daemon's document; without a daemon, or where it is silent, our own."""
    with suppress(NotAppliedError, NotPermittedError):
        answer = await client.ask(
            settings.runtime_dir, {"verb": "status"}, timeout_s=STATUS_REPLY_TIMEOUT_S
        )
        if answer is not None:
            return cast("Status", answer)
    return await status_from_kernel(settings)


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
