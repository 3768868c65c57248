"""The health as it was last, for a daemon that starts again: a restart moves nobody.

It stands in the runtime directory, which a reboot empties, and names the boot it belongs to.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lbrouter.daemon.confirm.pending_commit import Moment
from lbrouter.model.health import Health, Limit, UplinkHealth, UplinkState
from lbrouter.model.units import Rate

FILE: Final = "health.json"


def save(runtime_dir: Path, health: Health) -> None:
    """Keep it. Memory that holds /run may be full: then the next start begins with the carriers."""
    uplinks = {
        name: {
            "state": str(each.state),
            "reason": each.reason,
            "left": sorted(each.left),
            "alive": each.alive,
            "badness": each.badness,
        }
        for name, each in health.uplinks.items()
    }
    limits = {vlan: [each.upload, each.download] for vlan, each in health.limits.items()}
    document = {
        "boot": Moment.now().boot,
        "uplinks": uplinks,
        "pins": dict(health.pins),
        "limits": limits,
    }
    aside = runtime_dir / f"{FILE}.new"
    with suppress(OSError):
        aside.write_text(json.dumps(document), encoding="utf-8")
        aside.replace(runtime_dir / FILE)


def load(runtime_dir: Path) -> Health | None:
    """The last health of this boot, None where there is none that can be read."""
    try:
        found: Any = json.loads((runtime_dir / FILE).read_text(encoding="utf-8"))
        if found["boot"] != Moment.now().boot:
            return None
        return Health(
            uplinks={name: _uplink(each) for name, each in found["uplinks"].items()},
            pins=dict(found["pins"]),
            limits={vlan: _limit(*rates) for vlan, rates in found.get("limits", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _limit(upload: int | None, download: int | None) -> Limit:
    return Limit(
        upload=None if upload is None else Rate(upload),
        download=None if download is None else Rate(download),
    )


def _uplink(found: Any) -> UplinkHealth:
    return UplinkHealth(
        state=UplinkState(found["state"]),
        reason=str(found["reason"]),
        left=frozenset(found["left"]),
        alive=bool(found["alive"]),
        badness=float(found["badness"]),
    )
