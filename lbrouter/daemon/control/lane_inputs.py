"""What the watch over the lanes looks at: the state that was applied last."""

from lbrouter.daemon.lanes.applied_lanes import LaneInputs
from lbrouter.daemon.reconcile.loop import ReconcileLoop


def lane_inputs(loop: ReconcileLoop) -> LaneInputs | None:
    """The file, the facts and the health; None while the file in force is not applied yet."""
    applied = loop.reconciler.applied
    if applied is None or applied.file is not loop.config_file:
        return None
    return LaneInputs(
        config=applied.file.config,
        allocation=applied.snapshot.allocation,
        facts=applied.snapshot.facts,
        health=loop.tracker.health,
    )
