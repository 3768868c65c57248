"""The status document: from the daemon, or off the kernel."""

from contextlib import suppress
from math import ceil
from typing import Final, cast

from lbrouter.cli.context import build_applier, load_config_file
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.report import status as report
from lbrouter.compile.report.status import Status, StatusInputs
from lbrouter.daemon.confirm.pending_commit import PendingCommitStore
from lbrouter.daemon.control_socket import client
from lbrouter.daemon.events.history import utc_timestamp
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.read.counters import measure_traffic
from lbrouter.model.errors import NotAppliedError, NotPermittedError

STATUS_REPLY_TIMEOUT_S: Final = 5.0
"""A daemon that does not answer in this time is passed over: a person wants to know now."""


async def current_status(settings: CommandSettings) -> Status:
    """The daemon's document; without a daemon, or where it is silent, our own."""
    with suppress(NotAppliedError, NotPermittedError):
        found = await client.ask(
            settings.runtime_dir, {"verb": "status"}, timeout_s=STATUS_REPLY_TIMEOUT_S
        )
        if found is not None:
            return cast("Status", found)
    return await status_from_kernel(settings)


async def status_from_kernel(settings: CommandSettings) -> Status:
    """What can be read off the kernel alone."""
    file = load_config_file(settings)
    waiting = PendingCommitStore(state_dir=settings.state_dir, runtime_dir=settings.runtime_dir)
    async with LinuxKernel() as kernel:
        found = await build_applier(settings, kernel).observe(file.config)
    seen = StatusInputs(
        allocation=found.allocation,
        facts=found.facts,
        observed=found.observed,
        health=found.health,
        measured=await measure_traffic(interfaces_of(file.config)),
        config_digest=file.digest,
        observed_at=utc_timestamp(precision="seconds"),
    )
    composed = report.status_document(file.config, seen)
    left = waiting.remaining_s()
    composed["pending_confirm_s"] = None if left is None else ceil(left)
    return composed
