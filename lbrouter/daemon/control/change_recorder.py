"""What a change did, kept for the one that asked for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lbrouter.daemon.applier import Applier
from lbrouter.daemon.control.documents import ChangeDocument, change_document
from lbrouter.model.plan import Operation, Plan


@contextmanager
def recorded_changes(applier: Applier) -> Iterator[list[ChangeDocument]]:
    """The operations that `applier` executes within the block, as documents."""
    changes: list[ChangeDocument] = []

    def reporter(_plan: Plan) -> Callable[[Operation], None]:
        return lambda operation: changes.append(change_document(operation))

    with applier.reporting_to(reporter):
        yield changes
