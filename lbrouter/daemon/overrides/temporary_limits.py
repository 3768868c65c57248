"""Temporary limits, which an operator sets: `lbrouter limit guests 5mbit --for 10m`.

A deadline is a time since the boot, as that of a pending commit is (`confirm.pending_commit`): no
change of the date moves it, and a reboot ends it. When a limit ends, its classes stay for a moment
without a ceiling, so that the packets in their queues go out before the classes are removed.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Annotated, Final

from pydantic import Field

from lbrouter.compile.report.status_types import TemporaryLimitStatus
from lbrouter.compile.shaping.overrides import VlanLimit, VlanLimits, lowered_guarantees
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.config import Config, Vlan
from lbrouter.model.direction import Direction
from lbrouter.model.errors import UsageError
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import Message, MessageValue
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.sections.line_rate import MAX_RATE, MIN_RATE
from lbrouter.model.units import Duration, Rate

LIMIT_DIRECTIONS: Final = ("upload", "download")

LIMIT_RELEASE_S: Final = 5.0
"""How long the classes of a limit stay after its end."""

LimitKey = tuple[str, str]
"""VLAN, direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryLimit:
    """A limit in one direction, in bits per second. `deadline` in seconds of boot `boot`."""

    rate: Annotated[int, Field(gt=0, le=int(MAX_RATE))]
    boot: str = ""
    deadline: float | None = None

    @staticmethod
    def start(rate: Rate, within: Duration | None) -> "TemporaryLimit":
        """A limit whose time starts now; None for the time: until a person ends it."""
        now = BootTime.now()
        deadline = None if within is None else now.seconds + within.seconds
        return TemporaryLimit(rate=int(rate), boot=now.boot, deadline=deadline)

    def remaining_s(self, now: BootTime) -> float | None:
        """Seconds that are left, None where only a person ends it."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - now.seconds) if self.boot == now.boot else 0.0


SavedLimits = Mapping[str, Mapping[Direction, TemporaryLimit]]
"""By VLAN and direction, as they are saved."""


@dataclass(slots=True)
class LimitTable:
    """All limits, by VLAN and direction, and until when the classes of ended ones stay."""

    _limits: dict[LimitKey, TemporaryLimit] = field(default_factory=dict)
    _releasing: dict[LimitKey, float] = field(default_factory=dict)

    @staticmethod
    def from_saved(saved: SavedLimits) -> "LimitTable":
        """The table that was saved."""
        return LimitTable(
            {(vlan, str(way)): each for vlan, ways in saved.items() for way, each in ways.items()}
        )

    def saved(self) -> SavedLimits:
        """The table, for the disk."""
        found: dict[str, dict[Direction, TemporaryLimit]] = {}
        for (vlan, direction), each in self._limits.items():
            found.setdefault(vlan, {})[Direction(direction)] = each
        return found

    def put(self, vlan: str, directions: Iterable[str], limit: TemporaryLimit) -> None:
        """Limit `vlan` in `directions`, whatever held before."""
        for direction in directions:
            self._limits[vlan, direction] = limit
            self._releasing.pop((vlan, direction), None)

    def remove(self, vlan: str, directions: Iterable[str]) -> bool:
        """Remove a limit; whether there was one."""
        return bool(sum(self._release((vlan, direction)) for direction in directions))

    def remove_expired(self) -> tuple[str, ...]:
        """End the limits whose time is over; returns their VLANs."""
        now = BootTime.now()
        over = [key for key, each in self._limits.items() if each.remaining_s(now) == 0.0]
        for key in over:
            self._release(key)
        return tuple(dict.fromkeys(vlan for vlan, _ in over))

    def without_expired(self) -> "LimitTable":
        """The limits whose time is not over, and no classes of ended ones."""
        now = BootTime.now()
        return LimitTable(
            {k: each for k, each in self._limits.items() if each.remaining_s(now) != 0.0}
        )

    def remove_released(self) -> bool:
        """Remove the limits that ended `LIMIT_RELEASE_S` ago; whether there were any."""
        now = time.monotonic()
        gone = [key for key, until in self._releasing.items() if until <= now]
        for key in gone:
            del self._releasing[key]
        return bool(gone)

    def in_force(self, config: Config) -> VlanLimits:
        """The limits for shaping, by VLAN; names that are no longer in the file are left out."""
        rates = {**dict.fromkeys(self._releasing, MAX_RATE), **self._rates()}
        return {
            vlan: VlanLimit(
                upload=rates.get((vlan, "upload")), download=rates.get((vlan, "download"))
            )
            for vlan in dict.fromkeys(vlan for vlan, _ in rates)
            if vlan in config.vlans
        }

    def vlans(self) -> set[str]:
        """The VLANs that are limited."""
        return {vlan for vlan, _ in self._limits}

    def status(self, vlan: str) -> dict[str, TemporaryLimitStatus | None] | None:
        """The key "limit" of a VLAN in `status --json`; None without any."""
        now = BootTime.now()
        found = {direction: self._limits.get((vlan, direction)) for direction in LIMIT_DIRECTIONS}
        if not any(found.values()):
            return None
        return {
            direction: None if each is None else _limit_status(each, now)
            for direction, each in found.items()
        }

    def _rates(self) -> dict[LimitKey, Rate]:
        return {key: Rate(each.rate) for key, each in self._limits.items()}

    def _release(self, key: LimitKey) -> bool:
        if self._limits.pop(key, None) is None:
            return False
        self._releasing[key] = time.monotonic() + LIMIT_RELEASE_S
        return True


def _limit_status(each: TemporaryLimit, now: BootTime) -> TemporaryLimitStatus:
    left = each.remaining_s(now)
    return {"rate_bps": each.rate, "ends_in_s": None if left is None else ceil(left)}


def validated_limit_rate(bps: int) -> Rate:
    """The rate, if it can be shaped. Raises UsageError."""
    if not MIN_RATE <= bps <= MAX_RATE:
        raise UsageError(
            phrase(
                "A limit is a rate from {low} to {high}.",
                low=MIN_RATE,
                high=MAX_RATE,
            )
        )
    return Rate(bps)


def limit_message(
    vlan: Vlan, directions: Iterable[str], rate: Rate, within: Duration | None
) -> Message:
    """What a limit means. `lowered` are guarantees that it lowers to the same value."""
    directions = tuple(directions)
    values: dict[str, MessageValue] = {
        "vlan": vlan.name,
        "rate": str(rate),
        "directions": directions,
    }
    if within is not None:
        values["within"] = str(within)
    limit = VlanLimit(
        upload=rate if "upload" in directions else None,
        download=rate if "download" in directions else None,
    )
    cut = lowered_guarantees(vlan, limit)
    if cut:
        values["lowered"] = tuple(f"{had} {direction}" for direction, had in cut.items())
    return Message(code=EventCode.LIMITED, values=values)
