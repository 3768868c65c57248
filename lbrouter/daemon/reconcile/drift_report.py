"""What a repair found, and who is likely to have done it."""

from collections.abc import Sequence
from typing import Final

from lbrouter.compile.state.commands import words
from lbrouter.kernel.read.conflicting_software import neighbours
from lbrouter.model.plan import Operation

SHOWN: Final = 3


def found(operations: Sequence[Operation], notices: Sequence[str]) -> str:
    """A sentence: what was put right, what the kernel announced before, who runs here."""
    shown = "; ".join(words(each) for each in operations[:SHOWN])
    more = f" and {len(operations) - SHOWN} more" if len(operations) > SHOWN else ""
    seen = f" Announced before: {'; '.join(notices[:SHOWN])}." if notices else ""
    return f"somebody changed what is ours; put right: {shown}{more}.{seen}{_suspects()}"


def _suspects() -> str:
    running = [each.name for each in neighbours()]
    return f" Running here: {', '.join(running)}." if running else ""
