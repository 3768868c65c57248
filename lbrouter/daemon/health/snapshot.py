"""The last health, saved for the next daemon: a restart moves no flows.

The file is in the runtime directory, which a reboot empties, and names its boot.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState, VlanLimit
from lbrouter.model.units import Rate

SAVED_HEALTH_FILE: Final = "health.json"


def save_health(runtime_dir: Path, health: GatewayHealth) -> None:
    """Save it. Memory that holds /run may be full: then the next start begins with the carriers."""
    uplinks = {
        name: {
            "state": str(each.state),
            "reason": each.reason,
            "left": sorted(each.excluded_policies),
            "alive": each.alive,
            "badness": each.badness,
        }
        for name, each in health.uplinks.items()
    }
    limits = {vlan: [each.upload, each.download] for vlan, each in health.limits.items()}
    document = {
        "boot": BootTime.now().boot,
        "uplinks": uplinks,
        "pins": dict(health.pins),
        "limits": limits,
    }
    aside = runtime_dir / f"{SAVED_HEALTH_FILE}.new"
    with suppress(OSError):
        aside.write_text(json.dumps(document), encoding="utf-8")
        aside.replace(runtime_dir / SAVED_HEALTH_FILE)


def load_health(runtime_dir: Path) -> GatewayHealth | None:
    """The last health of this boot, None where there is none that can be read."""
    try:
        found: Any = json.loads((runtime_dir / SAVED_HEALTH_FILE).read_text(encoding="utf-8"))
        if found["boot"] != BootTime.now().boot:
            return None
        return GatewayHealth(
            uplinks={name: _parse_uplink(each) for name, each in found["uplinks"].items()},
            pins=dict(found["pins"]),
            limits={vlan: _parse_limit(*rates) for vlan, rates in found.get("limits", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _parse_limit(upload: int | None, download: int | None) -> VlanLimit:
    return VlanLimit(
        upload=None if upload is None else Rate(upload),
        download=None if download is None else Rate(download),
    )


def _parse_uplink(found: Any) -> UplinkHealth:
    return UplinkHealth(
        state=UplinkState(found["state"]),
        reason=str(found["reason"]),
        excluded_policies=frozenset(found["left"]),
        alive=bool(found["alive"]),
        badness=float(found["badness"]),
    )
