"""How full the pools of addresses are. Light to import: `status` warns of it."""

from typing import Final, TypedDict

from lbrouter.model.messages.phrase import phrase

POOL_NEARLY_FULL_PERCENT: Final = 80
"""From here on there is a warning: the next group of guests may get no address."""


class PoolUsage(TypedDict):
    """How many addresses of a VLAN's pool are leased, and how many there are."""

    used: int
    size: int


def used_percent(pool: PoolUsage) -> float:
    """How much of a pool is leased, in percent."""
    return pool["used"] * 100 / pool["size"]


def nearly_full_message(name: str, pool: PoolUsage) -> str:
    """What is told of a pool that is nearly used up."""
    return phrase(
        "VLAN {vlan}: {used} of {size} addresses are on loan; widen its range or shorten its lease",
        vlan=name,
        used=pool["used"],
        size=pool["size"],
    )


def nearly_full_warnings(usage: dict[str, PoolUsage]) -> tuple[str, ...]:
    """A sentence for each pool that is nearly used up."""
    return tuple(
        nearly_full_message(name, pool)
        for name, pool in usage.items()
        if used_percent(pool) >= POOL_NEARLY_FULL_PERCENT
    )
