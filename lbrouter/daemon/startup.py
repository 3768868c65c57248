"""The start of a daemon: which file it takes, and which health it begins with."""

from pathlib import Path

from lbrouter.compile.shaping import foreign_qdiscs
from lbrouter.daemon.applier import Applier
from lbrouter.daemon.config_file import ConfigFile, load_config, parse_config
from lbrouter.daemon.confirm.commit_confirm import CommitConfirm
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.health import snapshot
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.model.errors import ConfigError, NotAppliedError
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message
from lbrouter.model.messages.phrase import as_phrase, phrase

LAST_GOOD_SOURCE = phrase("the last good configuration")


async def select_config(
    commit_confirm: CommitConfirm, path: Path, journal: Journal
) -> tuple[ConfigFile, bool]:
    """The file to run with, and whether it is a pending commit.

    A commit that was not confirmed in time is undone first, and is not read again from `path`.
    Where the file is wrong, the last good one is used: the gateway must run.
    """
    overdue = await commit_confirm.roll_back_overdue()
    if overdue is not None:
        journal.log("rollback", message(EventCode.ROLLED_BACK_LATE, source=overdue.source))
    record = commit_confirm.pending.read()
    if record is not None:
        return parse_config(record.new.encode(), source=record.source), True
    try:
        file = load_config(path)
    except ConfigError as error:
        journal.log("trouble", str(error))
        return _last_good_config(commit_confirm, error), False
    if file.digest == commit_confirm.pending.rejected_digest():
        reason = NotAppliedError(
            phrase("{path} was rolled back.", path=path),
            remedy="Change it, or run `lbrouter apply` again.",
        )
        journal.log(
            "trouble",
            phrase(
                "{message} The last good configuration is used.", message=as_phrase(reason.message)
            ),
        )
        return _last_good_config(commit_confirm, reason), False
    return file, False


def _last_good_config(
    commit_confirm: CommitConfirm, reason: ConfigError | NotAppliedError
) -> ConfigFile:
    text = commit_confirm.store.load_config()
    if text is None:
        raise reason
    return parse_config(text, source=LAST_GOOD_SOURCE)


async def restore_health(applier: Applier, file: ConfigFile, journal: Journal) -> HealthTracker:
    """A tracker with what the last daemon knew, or else a first observation."""
    state = snapshot.load_state(applier.runtime_dir, file.config, applier.store.report_damage)
    known = snapshot.load_health(applier.runtime_dir, applier.store.report_damage)
    if state is None or known is None:
        known = (await applier.observe(file.config)).health
    return HealthTracker(file.config, journal, known=known, state=state)


async def report_foreign_qdiscs(applier: Applier, file: ConfigFile, journal: Journal) -> None:
    """Tell of queueing disciplines of others, which stay where the daemon finds them."""
    snapshot = await applier.observe(file.config)
    for sentence in snapshot.foreign_qdisc_warnings(file.config):
        said = phrase(
            "{sentence} It stays, and nothing is shaped there: `lbrouter apply {option}`"
            " replaces it.",
            sentence=as_phrase(sentence),
            option=foreign_qdiscs.TAKE_OVER_OPTION,
        )
        journal.log("trouble", said)
