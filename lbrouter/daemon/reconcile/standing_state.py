"""What stands in the kernel when a daemon begins, in case its first change is refused."""

from dataclasses import replace

from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.health_shift import common_lines
from lbrouter.daemon.applier import Applier
from lbrouter.daemon.config_file import ConfigFile, parse_config
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.model.errors import LbrouterError
from lbrouter.model.messages.phrase import phrase


def standing_state(applier: Applier, planned: AppliedState) -> AppliedState:
    """What was observed, as the state of the file that it was made from.

    That is the file of `planned`, or the last good configuration where only that explains the
    ruleset in the kernel. Where neither does, nothing can be steered.
    """
    here = replace(planned, state=planned.snapshot.observed)
    if has_same_ruleset(here, planned):
        return here
    text = applier.store.load_config()
    try:
        last: ConfigFile | None = (
            None
            if text is None
            else parse_config(text, source=phrase("the last good configuration"))
        )
    except LbrouterError:
        last = None
    if last is None:
        return here
    snapshot = planned.snapshot
    known = health_without_daemon(last.config, snapshot.facts)
    present = {
        name: snapshot.health.uplinks[now]
        for name, now in common_lines(last.config, planned.file.config).items()
    }
    made_from = replace(
        snapshot,
        allocation=allocate(last.config, applier.store.load_allocation()),
        health=replace(known, uplinks={**known.uplinks, **present}),
    ).planned(last)
    standing = replace(made_from, state=snapshot.observed)
    return standing if has_same_ruleset(standing, made_from) else here


def has_same_ruleset(one: AppliedState, other: AppliedState) -> bool:
    """Whether a change of elements leads from one to the other."""
    mine, theirs = one.state.nft, other.state.nft
    return mine is not None and theirs is not None and mine.structure == theirs.structure
