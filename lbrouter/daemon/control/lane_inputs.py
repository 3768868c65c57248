"""What the watch over the lanes looks at: the state that was applied last."""

from lbrouter.daemon.daemon_state import DaemonState
from lbrouter.daemon.lanes.applied_lanes import LaneInputs


def lane_inputs(state: DaemonState) -> LaneInputs | None:
    """The file, the facts and the health; None while the file in force is not applied yet."""
    applied = state.in_force
    if applied is None:
        return None
    return LaneInputs(
        config=applied.file.config,
        allocation=applied.snapshot.allocation,
        facts=applied.snapshot.facts,
        health=state.health,
    )
