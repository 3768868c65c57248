"""How a daemon begins: with which file, and with what it knows of the uplinks."""

from pathlib import Path

from lbrouter.daemon.applier import Machine
from lbrouter.daemon.config_file import File, load, understood
from lbrouter.daemon.confirm.commit_confirm import Trial
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.health import snapshot
from lbrouter.daemon.health.tracker import Mind
from lbrouter.model.errors import ConfigError, NotAppliedError

LAST_GOOD = "the last good configuration"


async def choose(trial: Trial, path: Path, journal: Journal) -> tuple[File, bool]:
    """The file to run with, and whether it is on trial still.

    What was not confirmed in time is undone first, and is not taken again from `path`. A file that
    is wrong is no reason to leave an event without a gateway: the last good one serves.
    """
    overdue = await trial.settle()
    if overdue is not None:
        journal.say("rollback", f"{overdue.source} was not confirmed in time: undone")
    record = trial.waiting.read()
    if record is not None:
        return understood(record.new.encode(), source=record.source), True
    try:
        file = load(path)
    except ConfigError as error:
        journal.say("trouble", f"{error}")
        return _last_good(trial, error), False
    if file.digest == trial.waiting.rejected():
        reason = NotAppliedError(
            f"{path} was rolled back.", remedy="Change it, or `lbrouter apply` it once more."
        )
        journal.say("trouble", f"{reason.what} {LAST_GOOD.capitalize()} serves.")
        return _last_good(trial, reason), False
    return file, False


def _last_good(trial: Trial, reason: ConfigError | NotAppliedError) -> File:
    text = trial.store.config()
    if text is None:
        raise reason
    return understood(text, source=LAST_GOOD)


async def mind(machine: Machine, file: File, journal: Journal) -> Mind:
    """What the daemon before us knew, or else a first look: a restart moves nobody."""
    known = snapshot.load(machine.runtime_dir)
    if known is None:
        known = (await machine.look(file.config)).health
    return Mind(file.config, journal, known=known)
