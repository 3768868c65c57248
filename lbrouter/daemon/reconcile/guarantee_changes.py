"""Shortfalls of guarantees, VLAN by VLAN, in words: for the timeline."""

from collections.abc import Iterator, Mapping

from lbrouter.compile.report.wording import format_rate
from lbrouter.compile.shaping.guarantees import Shortfall
from lbrouter.daemon.machine_snapshot import AppliedState

GuaranteeShortfalls = Mapping[tuple[str, str], Shortfall]
"""By VLAN and direction."""


def current_shortfalls(applied: AppliedState) -> GuaranteeShortfalls:
    """The guarantees that the working uplinks cannot meet."""
    return {(each.vlan, each.direction): each for each in applied.shaping.shortfalls}


def shortfall_changes(
    before: GuaranteeShortfalls, after: GuaranteeShortfalls
) -> Iterator[tuple[str, str]]:
    """VLANs whose guarantee became short, less so, or whole again, each with a sentence."""
    for key in sorted({*before, *after}):
        new = after.get(key)
        if before.get(key) != new:
            yield key[0], _restored_text(*key) if new is None else shortfall_text(new)


def shortfall_text(each: Shortfall) -> str:
    """The guaranteed rate, the granted rate, and the difference, in a sentence."""
    return (
        f"VLAN {each.vlan} is guaranteed {format_rate(each.guaranteed)} {each.direction}, the"
        f" uplinks that work can give it {format_rate(each.granted)}:"
        f" {format_rate(each.guaranteed - each.granted)} short"
    )


def _restored_text(vlan: str, direction: str) -> str:
    return f"VLAN {vlan} has its guaranteed {direction} again"
