"""Which guarantees are short, VLAN by VLAN, in words: for the timeline."""

from collections.abc import Iterator, Mapping

from lbrouter.compile.shaping.build import short
from lbrouter.compile.shaping.guarantees import Shortfall
from lbrouter.daemon.reconcile.reconciler import Held
from lbrouter.model.units import Rate

Short = Mapping[tuple[str, str], Shortfall]
"""By VLAN and direction."""


def lacking(held: Held) -> Short:
    """The guarantees that what is left of the uplinks cannot meet."""
    found = held.found
    missing = short(
        held.file.config, allocation=found.allocation, health=found.health, facts=found.facts
    )
    return {(each.vlan, each.direction): each for each in missing}


def told(before: Short, after: Short) -> Iterator[tuple[str, str]]:
    """VLANs whose guarantee became short, less so, or whole again, each with a sentence."""
    for key in sorted({*before, *after}):
        new = after.get(key)
        if before.get(key) != new:
            yield key[0], _whole(*key) if new is None else sentence(new)


def sentence(each: Shortfall) -> str:
    """What was promised, what there is, and the difference."""
    return (
        f"VLAN {each.vlan} is guaranteed {Rate(each.wanted)} {each.direction}, the uplinks that"
        f" work can give it {Rate(each.got)}: {Rate(each.wanted - each.got)} short"
    )


def _whole(vlan: str, direction: str) -> str:
    return f"VLAN {vlan} has its guaranteed {direction} again"
