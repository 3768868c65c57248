"""What a repair found, and who is likely to have done it."""

from collections.abc import Sequence
from typing import Final

from lbrouter.compile.state.commands import command_line
from lbrouter.kernel.read.conflicting_software import conflicting_programs
from lbrouter.model.plan import Operation

MAX_DRIFT_ITEMS_SHOWN: Final = 3


def describe_drift(operations: Sequence[Operation], notices: Sequence[str]) -> str:
    """A sentence: what was put right, what the kernel announced before, who runs here."""
    shown = "; ".join(command_line(each) for each in operations[:MAX_DRIFT_ITEMS_SHOWN])
    more = (
        f" and {len(operations) - MAX_DRIFT_ITEMS_SHOWN} more"
        if len(operations) > MAX_DRIFT_ITEMS_SHOWN
        else ""
    )
    seen = f" Announced before: {'; '.join(notices[:MAX_DRIFT_ITEMS_SHOWN])}." if notices else ""
    return (
        f"somebody changed what is ours; put right: {shown}{more}.{seen}{_running_software_note()}"
    )


def _running_software_note() -> str:
    running = [each.name for each in conflicting_programs()]
    return f" Running here: {', '.join(running)}." if running else ""
