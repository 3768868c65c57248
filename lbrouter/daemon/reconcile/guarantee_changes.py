"""Shortfalls of guarantees, VLAN by VLAN: for the timeline."""

from collections.abc import Iterator, Mapping

from lbrouter.compile.shaping.guarantees import Shortfall
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import Message, message

GuaranteeShortfalls = Mapping[tuple[str, str], Shortfall]
"""By VLAN and direction."""


def current_shortfalls(applied: AppliedState) -> GuaranteeShortfalls:
    """The guarantees that the working uplinks cannot meet."""
    return {(each.vlan, each.direction): each for each in applied.shaping.shortfalls}


def shortfall_changes(
    before: GuaranteeShortfalls, after: GuaranteeShortfalls
) -> Iterator[tuple[str, Message]]:
    """VLANs whose guarantee became short, less so, or whole again, each with a message."""
    for key in sorted({*before, *after}):
        new = after.get(key)
        if before.get(key) != new:
            vlan, direction = key
            whole = message(EventCode.GUARANTEE_WHOLE, vlan=vlan, direction=str(direction))
            yield vlan, whole if new is None else shortfall_message(new)


def shortfall_message(each: Shortfall) -> Message:
    """The guaranteed rate, the granted rate, and the difference."""
    return message(
        EventCode.GUARANTEE_SHORT,
        vlan=each.vlan,
        direction=str(each.direction),
        guaranteed_bps=each.guaranteed,
        granted_bps=each.granted,
        short_bps=each.guaranteed - each.granted,
    )
