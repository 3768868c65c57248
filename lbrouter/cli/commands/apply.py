"""What the changing verbs do: through the daemon where one runs, else here, under the lock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from lbrouter.cli import context
from lbrouter.cli.output.render import Report, document, notes, say
from lbrouter.cli.settings import Settings
from lbrouter.compile.state.foreign_qdiscs import Roots
from lbrouter.daemon.config_file import require_tools
from lbrouter.daemon.confirm.commit_confirm import NOTHING_WAITS, Trial
from lbrouter.daemon.control import client
from lbrouter.daemon.control.protocol import Document
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.storage.lock import hold
from lbrouter.model.errors import Exit, UnavailableError, UsageError
from lbrouter.model.units import Duration
from lbrouter.services import secrets

SHORTEST: Final = Duration(1_000)
LONGEST: Final = Duration(24 * 3_600_000)


def window(text: str, *, option: str = "--confirm-within") -> Duration | None:
    """The argument of an option that takes a time; None for "". Raises UsageError."""
    if not text:
        return None
    try:
        found = Duration.parse(text)
    except ValueError as error:
        raise UsageError(f'{option} "{text}" {error}.') from error
    if not SHORTEST <= found <= LONGEST:
        raise UsageError(f'{option} "{text}" is not between {SHORTEST} and {LONGEST}.')
    return found


@asynccontextmanager
async def trial(settings: Settings) -> AsyncIterator[Trial]:
    """The lock, the kernel, and what nobody confirmed in time undone first."""
    with hold(settings.runtime_dir):
        async with LinuxKernel() as kernel:
            found = Trial(context.machine(settings, kernel))
            overdue = await found.settle()
            if overdue is not None:
                said = f"{overdue.source} was not confirmed in time: what stood before is back"
                notes("warning", (said,))
            yield found


async def apply(settings: Settings, within: Duration | None, *, take_over: bool) -> int:
    """Make the kernel hold what the file says."""
    report, file = Report("applied", settings), context.load(settings)
    require_tools(file.config)
    secrets.require(file.config)
    asked: Document = {"verb": "apply", "config": file.text.decode(), "source": file.source}
    if within is not None:
        asked["confirm_within_ms"] = int(within)
    if take_over:
        asked["take_over"] = True
    handed = await client.ask(settings.runtime_dir, asked)
    if handed is not None:
        notes("warning", handed["warnings"])
        report.repeat(handed["changes"])
        return report.close(confirm_s=handed["pending_confirm_s"])
    async with trial(settings) as here:
        here.machine.tell = report.teller
        found = await here.machine.look(file.config)
        context.warn(file, found, here.store)
        found = found.with_roots(file.config, Roots.REPLACE if take_over else Roots.REFUSE)
        await here.apply(file, found, within=within)
        left = here.waiting.left()
    notes("note", (context.NO_DAEMON,))
    return report.close(confirm_s=left)


async def confirm(settings: Settings) -> int:
    """Keep what waits; NotAppliedError (75) when nothing does, or when it was undone already."""
    handed = await client.ask(settings.runtime_dir, {"verb": "confirm"})
    if handed is None:
        async with trial(settings) as here:
            handed = {"kept": here.confirm().source}
    return _told(settings, handed, f"confirmed: {handed['kept']}")


async def rollback(settings: Settings) -> int:
    """Undo what waits; nothing to do when nothing does."""
    report = Report("rolled back", settings)
    handed = await client.ask(settings.runtime_dir, {"verb": "rollback"})
    if handed is not None:
        report.repeat(handed["changes"])
        if not handed["undone"]:
            notes("note", (NOTHING_WAITS,))
        return report.close()
    async with trial(settings) as here:
        if here.waiting.read() is None:
            notes("note", (NOTHING_WAITS,))
        else:
            here.machine.tell = report.teller
            await here.rollback()
    return report.close()


async def down(settings: Settings) -> int:
    """Take out all that is ours. What waited for confirmation waits no more."""
    report = Report("removed", settings)
    with hold(settings.runtime_dir):
        async with LinuxKernel() as kernel:
            here = Trial(context.machine(settings, kernel, tell=report.teller))
            await here.machine.remove(context.config_or_none(settings))
            here.waiting.clear()
            notes("warning", here.store.warnings)
    return report.close()


async def wish(settings: Settings, asked: Document, *, named: str = "") -> int:
    """An operator's word on an uplink or a VLAN, which only the daemon can keep."""
    handed = await client.ask(settings.runtime_dir, asked)
    if handed is None:
        raise UnavailableError(
            f"`{named or 'lbrouter uplink ' + asked['verb']}` needs the daemon, and none runs.",
            remedy="systemctl start lbrouter, or `lbrouter run`.",
        )
    return _told(settings, handed, handed["said"])


def _told(settings: Settings, result: Any, sentence: str) -> int:
    if settings.json:
        document({"ok": True, **result})
    else:
        say(sentence)
    return Exit.DONE
