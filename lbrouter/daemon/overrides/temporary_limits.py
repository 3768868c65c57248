"""Ceilings for a while, which an operator sets: `lbrouter limit guests 5mbit --for 10m`.

A deadline is a time since the boot, as that of a trial is (`daemon.pending`): no change of the
date moves it, and a reboot ends it. When a limit ends, its classes stay for a moment without any
ceiling, so that what waits in their queues goes out before they are taken away.
"""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from math import ceil
from typing import Any, Final

from lbrouter.compile.report.status import CeilingStatus
from lbrouter.compile.shaping.overrides import lowered
from lbrouter.daemon.confirm.pending_commit import Moment
from lbrouter.model.config import Config, Vlan
from lbrouter.model.errors import UsageError
from lbrouter.model.field_types import MAX_RATE, MIN_RATE
from lbrouter.model.health import Limit
from lbrouter.model.units import Duration, Rate

DIRECTIONS: Final = ("upload", "download")

DRAIN_S: Final = 5.0
"""How long classes stay that limit nothing any more."""

Key = tuple[str, str]
"""VLAN, direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """A limit in one direction, in bits per second. `deadline` in seconds of boot `boot`."""

    rate: int
    boot: str = ""
    deadline: float | None = None

    @staticmethod
    def begin(rate: Rate, within: Duration | None) -> "Ceiling":
        """A limit whose time starts now; None for the time: until somebody ends it."""
        now = Moment.now()
        deadline = None if within is None else now.seconds + within.seconds
        return Ceiling(rate=int(rate), boot=now.boot, deadline=deadline)

    def left(self, now: Moment) -> float | None:
        """Seconds that are left, None where it ends by hand alone."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - now.seconds) if self.boot == now.boot else 0.0


@dataclass(slots=True)
class Limits:
    """All limits, by VLAN and direction, and those that end just now (until when)."""

    _held: dict[Key, Ceiling] = field(default_factory=dict)
    _draining: dict[Key, float] = field(default_factory=dict)

    @staticmethod
    def load(found: Any) -> "Limits":
        """From `document`. Raises what nonsense raises: ValueError, TypeError, AttributeError."""
        return Limits(
            {
                (vlan, direction): Ceiling(**each)
                for vlan, ways in found.items()
                for direction, each in ways.items()
                if direction in DIRECTIONS and 0 < each["rate"] <= MAX_RATE
            }
        )

    def document(self) -> dict[str, dict[str, dict[str, object]]]:
        """For the disk."""
        found: dict[str, dict[str, dict[str, object]]] = {}
        for (vlan, direction), each in self._held.items():
            found.setdefault(vlan, {})[direction] = asdict(each)
        return found

    def put(self, vlan: str, directions: Iterable[str], ceiling: Ceiling) -> None:
        """Limit `vlan` in `directions`, whatever held before."""
        for direction in directions:
            self._held[vlan, direction] = ceiling
            self._draining.pop((vlan, direction), None)

    def end(self, vlan: str, directions: Iterable[str]) -> bool:
        """No limit any more; whether there was one."""
        return bool(sum(self._drop((vlan, direction)) for direction in directions))

    def overdue(self) -> tuple[str, ...]:
        """End the limits whose time is over; their VLANs."""
        now = Moment.now()
        over = [key for key, each in self._held.items() if each.left(now) == 0.0]
        for key in over:
            self._drop(key)
        return tuple(dict.fromkeys(vlan for vlan, _ in over))

    def drained(self) -> bool:
        """Forget what ended a while ago; whether anything did."""
        now = time.monotonic()
        gone = [key for key, until in self._draining.items() if until <= now]
        for key in gone:
            del self._draining[key]
        return bool(gone)

    def in_force(self, config: Config) -> dict[str, Limit]:
        """What shaping is to hold, by VLAN; names that the file has no more are left out."""
        rates = {**dict.fromkeys(self._draining, MAX_RATE), **self._rates()}
        return {
            vlan: Limit(upload=rates.get((vlan, "upload")), download=rates.get((vlan, "download")))
            for vlan in dict.fromkeys(vlan for vlan, _ in rates)
            if vlan in config.vlans
        }

    def status(self, vlan: str) -> dict[str, CeilingStatus | None] | None:
        """The key "limit" of a VLAN in `status --json`; None without any."""
        now = Moment.now()
        found = {direction: self._held.get((vlan, direction)) for direction in DIRECTIONS}
        if not any(found.values()):
            return None
        return {
            direction: None if each is None else _status(each, now)
            for direction, each in found.items()
        }

    def _rates(self) -> dict[Key, Rate]:
        return {key: Rate(each.rate) for key, each in self._held.items()}

    def _drop(self, key: Key) -> bool:
        if self._held.pop(key, None) is None:
            return False
        self._draining[key] = time.monotonic() + DRAIN_S
        return True


def _status(each: Ceiling, now: Moment) -> CeilingStatus:
    left = each.left(now)
    return {"rate_bps": each.rate, "ends_in_s": None if left is None else ceil(left)}


def line_rate(bps: int) -> Rate:
    """A rate that can be shaped. Raises UsageError."""
    if not MIN_RATE <= bps <= MAX_RATE:
        raise UsageError(f"A limit is a rate from {MIN_RATE} to {MAX_RATE}.")
    return Rate(bps)


def said_of(vlan: Vlan, ways: Iterable[str], rate: Rate, within: Duration | None) -> str:
    """What a limit means, in one sentence."""
    ways = tuple(ways)
    found = f"{vlan.name} is limited to {rate} {' and '.join(ways)}"
    found += f" for {within}" if within is not None else " until you end it"
    limit = Limit(
        upload=rate if "upload" in ways else None, download=rate if "download" in ways else None
    )
    cut = ", ".join(f"{had} {direction}" for direction, had in lowered(vlan, limit).items())
    return f"{found}; as long its guarantee ({cut}) is no more than that" if cut else found
