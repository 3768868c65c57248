"""The last health and what is known of each line, saved for the next daemon: a restart moves
nothing.

The file is in the runtime directory, which a reboot empties, and names its boot. `apply` without a
daemon reads it too: a line that was known to be dead a moment ago is not taken for fit.
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lbrouter.compile.health import HealthState, initial_state
from lbrouter.compile.health.carrier_only import health_without_daemon, with_last_known
from lbrouter.compile.health.saved_memory import restored_state, saved_memory
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts
from lbrouter.model.health import FamilyHealth, GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.message import parse_reason

SAVED_HEALTH_FILE: Final = "health.json"
FRESH_FOR_S: Final = 600.0
"""Without a daemon, what was known counts for so long. Then the carriers alone do."""

READ_ERRORS: Final = (OSError, ValueError, KeyError, TypeError, AttributeError)


def save_health(runtime_dir: Path, health: GatewayHealth, state: HealthState) -> None:
    """Save it. Memory that holds /run may be full: then the next start begins with the carriers."""
    uplinks = {
        name: {
            **_saved_health(each.of_itself),
            "carrier": each.carrier,
            "drained": each.drained,
            "move_flows": each.move_flows,
            "families": {str(f): _saved_health(own) for f, own in each.families.items()},
        }
        for name, each in health.uplinks.items()
    }
    document = {
        "boot": BootTime.now().boot,
        "uplinks": uplinks,
        "pins": dict(health.pins),
        "memory": saved_memory(state),
    }
    aside = runtime_dir / f"{SAVED_HEALTH_FILE}.new"
    with suppress(OSError):
        aside.write_text(json.dumps(document), encoding="utf-8")
        aside.replace(runtime_dir / SAVED_HEALTH_FILE)


def load_health(runtime_dir: Path) -> GatewayHealth | None:
    """The last health of this boot, None where there is none that can be read."""
    try:
        found = _read(runtime_dir)
        return GatewayHealth(
            uplinks={name: _parse_uplink(each) for name, each in found["uplinks"].items()},
            pins=dict(found["pins"]),
        )
    except READ_ERRORS:
        return None


def load_state(runtime_dir: Path, config: Config) -> HealthState | None:
    """The health state that the last daemon of this boot left, for `config`; None without one.

    A file of an earlier release has no memory of the lines: then the state begins at its health.
    """
    known, now = load_health(runtime_dir), time.monotonic()
    if known is None:
        return None
    try:
        return restored_state(config, now, _read(runtime_dir)["memory"], known)
    except READ_ERRORS:
        return initial_state(config, now, known)


def last_known_health(runtime_dir: Path, config: Config, facts: Facts) -> GatewayHealth:
    """Health without a daemon: by carriers and addresses, and what was known a short time ago."""
    found = health_without_daemon(config, facts)
    now = time.monotonic()
    try:
        memory = _read(runtime_dir)["memory"]
        age_s = now - float(memory["at"])
        if not 0 <= age_s <= FRESH_FOR_S:
            return found
        state = restored_state(config, now, memory, GatewayHealth())
    except READ_ERRORS:
        return found
    return with_last_known(found, state, age_s)


def _read(runtime_dir: Path) -> Mapping[str, Any]:
    """The document. Raises OSError, ValueError, KeyError; ValueError too for another boot's."""
    found: Any = json.loads((runtime_dir / SAVED_HEALTH_FILE).read_text(encoding="utf-8"))
    if found["boot"] != BootTime.now().boot:
        raise ValueError(found["boot"])
    known: Mapping[str, Any] = found
    return known


def _saved_health(health: FamilyHealth) -> dict[str, Any]:
    return {
        "state": str(health.state),
        "reason": health.why.as_json(),
        "left": sorted(health.excluded_policies),
        "alive": health.alive,
        "badness": health.badness,
    }


def _parse_uplink(found: Any) -> UplinkHealth:
    """An uplink; what a file of an earlier release does not say is left at its default."""
    own = _parse_health(found)
    return UplinkHealth(
        state=own.state,
        why=own.why,
        excluded_policies=own.excluded_policies,
        alive=own.alive,
        badness=own.badness,
        carrier=bool(found.get("carrier", True)),
        drained=bool(found.get("drained", own.state is UplinkState.DRAINED)),
        move_flows=bool(found.get("move_flows", False)),
        families={
            AddressFamily(family): _parse_health(each)
            for family, each in found.get("families", {}).items()
        },
    )


def _parse_health(found: Any) -> FamilyHealth:
    return FamilyHealth(
        state=UplinkState(found["state"]),
        why=parse_reason(found["reason"], str(found.get("code", ""))),
        excluded_policies=frozenset(found["left"]),
        alive=bool(found["alive"]),
        badness=float(found["badness"]),
    )
