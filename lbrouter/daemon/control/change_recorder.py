"""What a change did, kept for whoever asked for it."""

from collections.abc import Callable

from lbrouter.daemon.control.documents import ChangeDocument, change_document
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.model.plan import Operation, Plan


class ChangeRecorder:
    """Records the operations that the applier executes within the block, as documents."""

    def __init__(self, loop: ReconcileLoop) -> None:
        self._applier = loop.applier
        self._previous_reporter = loop.applier.reporter
        self._changes: list[ChangeDocument] = []

    def __enter__(self) -> list[ChangeDocument]:
        self._applier.reporter = self._reporter
        return self._changes

    def __exit__(self, *_: object) -> None:
        self._applier.reporter = self._previous_reporter

    def _reporter(self, _plan: Plan) -> Callable[[Operation], None]:
        return lambda operation: self._changes.append(change_document(operation))
