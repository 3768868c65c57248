"""The last health and what is known of each line, saved for the next daemon: a restart moves
nothing.

The file is in the runtime directory, which a reboot empties, and names its boot. `apply` without a
daemon reads it too: a line that was known to be dead a moment ago is not taken for fit.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lbrouter.compile.health import HealthState, initial_state
from lbrouter.compile.health.carrier_only import health_without_daemon, with_last_known
from lbrouter.compile.health.saved_memory import restored_state, saved_memory
from lbrouter.daemon.saved_message import SavedMessage
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError
from lbrouter.model.facts import Facts
from lbrouter.model.health import FamilyHealth, GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.codes import TextCode
from lbrouter.model.messages.message import Message, parse_reason, told
from lbrouter.model.messages.phrase import phrase
from lbrouter.system.saved_file import DamageReport
from lbrouter.system.state_file import StateFile

SAVED_HEALTH_FILE: Final = "health.json"
FRESH_FOR_S: Final = 600.0
"""Without a daemon, what was known counts for so long. Then the carriers alone do."""

MEMORY_ERRORS: Final = (ValueError, KeyError, TypeError, AttributeError)
"""What `restored_state` raises where the memory of the lines is damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFamilyHealth:
    """One family, or an uplink as a whole: the fields of `FamilyHealth`.

    An earlier release saved the reason as a text, and beside it its code.
    """

    state: UplinkState
    reason: SavedMessage
    left: tuple[str, ...]
    alive: bool
    badness: float
    code: str = ""

    @staticmethod
    def of(health: FamilyHealth) -> dict[str, Any]:
        """The fields, by name."""
        return {
            "state": health.state,
            "reason": health.why,
            "left": tuple(sorted(health.excluded_policies)),
            "alive": health.alive,
            "badness": health.badness,
        }

    @property
    def why(self) -> Message:
        """The reason, with its code."""
        reason = self.reason or told("")
        if reason.code is not TextCode.TOLD:
            return reason
        return parse_reason(reason.text, self.code)

    def health(self) -> FamilyHealth:
        """What was saved."""
        return FamilyHealth(
            state=self.state,
            why=self.why,
            excluded_policies=frozenset(self.left),
            alive=self.alive,
            badness=self.badness,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedUplinkHealth(SavedFamilyHealth):
    """One uplink. A file of an earlier release says nothing of `drained` and the families."""

    carrier: bool = True
    drained: bool | None = None
    move_flows: bool = False
    families: Mapping[AddressFamily, SavedFamilyHealth] = field(default_factory=dict)

    def uplink_health(self) -> UplinkHealth:
        """What was saved."""
        drained = self.state is UplinkState.DRAINED if self.drained is None else self.drained
        return UplinkHealth(
            state=self.state,
            why=self.why,
            excluded_policies=frozenset(self.left),
            alive=self.alive,
            badness=self.badness,
            carrier=self.carrier,
            drained=drained,
            move_flows=self.move_flows,
            families={family: each.health() for family, each in self.families.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedHealth:
    """health.json; `memory` is that of the lines."""

    boot: str
    uplinks: Mapping[str, SavedUplinkHealth]
    pins: Mapping[str, str]
    memory: Mapping[str, Any] | None = None


def save_health(runtime_dir: Path, health: GatewayHealth, state: HealthState) -> None:
    """Save it. Memory that holds /run may be full: then the next start begins with the carriers."""
    uplinks = {
        name: SavedUplinkHealth(
            **SavedFamilyHealth.of(each.of_itself),
            carrier=each.carrier,
            drained=each.drained,
            move_flows=each.move_flows,
            families={
                family: SavedFamilyHealth(**SavedFamilyHealth.of(own))
                for family, own in each.families.items()
            },
        )
        for name, each in health.uplinks.items()
    }
    saved = SavedHealth(
        boot=BootTime.now().boot,
        uplinks=uplinks,
        pins=health.pins,
        memory=saved_memory(state),
    )
    with suppress(LbrouterError):
        _state_file(runtime_dir).save(saved)


def load_health(runtime_dir: Path, report: DamageReport) -> GatewayHealth | None:
    """The last health of this boot, None where there is none that can be read."""
    saved = _load(runtime_dir, report)
    if saved is None:
        return None
    return GatewayHealth(
        uplinks={name: each.uplink_health() for name, each in saved.uplinks.items()},
        pins=saved.pins,
    )


def load_state(runtime_dir: Path, config: Config, report: DamageReport) -> HealthState | None:
    """The health state that the last daemon of this boot left, for `config`; None without one.

    A file of an earlier release has no memory of the lines: then the state begins at its health.
    """
    saved, known = _load(runtime_dir, report), load_health(runtime_dir, report)
    if saved is None or known is None:
        return None
    now = time.monotonic()
    if saved.memory is not None:
        try:
            return restored_state(config, now, saved.memory, known)
        except MEMORY_ERRORS:
            report(_damaged_memory(runtime_dir))
    return initial_state(config, now, known)


def last_known_health(
    runtime_dir: Path, config: Config, facts: Facts, *, report: DamageReport
) -> GatewayHealth:
    """Health without a daemon: by carriers and addresses, and what was known a short time ago."""
    found = health_without_daemon(config, facts)
    saved, now = _load(runtime_dir, report), time.monotonic()
    if saved is None or saved.memory is None:
        return found
    try:
        age_s = now - float(saved.memory["at"])
        if not 0 <= age_s <= FRESH_FOR_S:
            return found
        state = restored_state(config, now, saved.memory, GatewayHealth())
    except MEMORY_ERRORS:
        report(_damaged_memory(runtime_dir))
        return found
    return with_last_known(found, state, age_s)


def _state_file(runtime_dir: Path) -> StateFile[SavedHealth]:
    return StateFile(runtime_dir / SAVED_HEALTH_FILE, SavedHealth, durable=False)


def _load(runtime_dir: Path, report: DamageReport) -> SavedHealth | None:
    saved = _state_file(runtime_dir).load(report)
    return saved if saved is not None and saved.boot == BootTime.now().boot else None


def _damaged_memory(runtime_dir: Path) -> str:
    return phrase(
        "{file} is damaged: what was known of the lines is not used.",
        file=runtime_dir / SAVED_HEALTH_FILE,
    )
