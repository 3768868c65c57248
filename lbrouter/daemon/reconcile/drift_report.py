"""Drift in words: what a repair found, and which program is likely to have changed it."""

from collections.abc import Sequence
from typing import Final

from lbrouter.compile.state.commands import command_line
from lbrouter.kernel.read.conflicting_software import conflicting_programs
from lbrouter.model.messages.phrase import joined_phrases, phrase
from lbrouter.model.plan import Operation

MAX_DRIFT_ITEMS_SHOWN: Final = 3


def describe_drift(operations: Sequence[Operation], notices: Sequence[str]) -> str:
    """A sentence: what was repaired, what the kernel announced before, which programs run here."""
    shown = "; ".join(command_line(each) for each in operations[:MAX_DRIFT_ITEMS_SHOWN])
    more = (
        phrase(" and {more} more", more=len(operations) - MAX_DRIFT_ITEMS_SHOWN)
        if len(operations) > MAX_DRIFT_ITEMS_SHOWN
        else ""
    )
    announced = (
        phrase(
            " Announced before: {notices}.",
            notices=joined_phrases("; ", notices[:MAX_DRIFT_ITEMS_SHOWN]),
        )
        if notices
        else ""
    )
    return phrase(
        "another program changed lbrouter's settings; restored: {shown}{more}.{announced}{running}",
        shown=shown,
        more=more,
        announced=announced,
        running=_running_software_note(),
    )


def _running_software_note() -> str:
    running = [each.name for each in conflicting_programs()]
    return phrase(" Running here: {programs}.", programs=", ".join(running)) if running else ""
