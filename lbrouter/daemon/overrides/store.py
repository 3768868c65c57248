"""Operator overrides, kept over a restart: drained uplinks, pinned policies, limited VLANs."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lbrouter.compile.shaping.overrides import VlanLimits
from lbrouter.daemon.overrides.temporary_limits import LimitTable, TemporaryLimit
from lbrouter.kernel.storage import atomic_file
from lbrouter.model.config import Config
from lbrouter.model.errors import UsageError
from lbrouter.model.events import Drain, HealthEvent, Pin, Restore

OVERRIDES_FILE = "wishes.json"


@dataclass(slots=True, kw_only=True)
class OperatorOverrides:
    """Names of drained uplinks, the uplink that each pinned policy has to take, limits of VLANs."""

    drained: set[str] = field(default_factory=set)
    moving: set[str] = field(default_factory=set)
    """Those of them whose living flows are to move as well."""
    pins: dict[str, str] = field(default_factory=dict)
    limits: LimitTable = field(default_factory=LimitTable)

    @staticmethod
    def load(state_dir: Path) -> "OperatorOverrides":
        """As they were saved; none where the file is not there or damaged."""
        payload, _ = atomic_file.read(state_dir / OVERRIDES_FILE)
        try:
            found: Any = json.loads(payload or b"{}")
            return OperatorOverrides(
                drained=set(found.get("drained", ())),
                moving=set(found.get("moving", ())),
                pins=dict(found.get("pins", {})),
                limits=LimitTable.from_document(found.get("limits", {})),
            )
        except (ValueError, TypeError, AttributeError, KeyError):
            return OperatorOverrides()

    def save(self, state_dir: Path) -> None:
        """Raises LbrouterError where the disk does not take it."""
        payload = {
            "drained": sorted(self.drained),
            "moving": sorted(self.moving),
            "pins": self.pins,
            "limits": self.limits.to_document(),
        }
        atomic_file.write(state_dir / OVERRIDES_FILE, json.dumps(payload).encode())

    def events(self, config: Config) -> Iterator[HealthEvent]:
        """Events for a new health tracker; names that are no longer in the file are left out."""
        now = time.monotonic()
        for name in sorted(self.drained & set(config.uplinks)):
            yield Drain(at=now, uplink=name, move_flows=name in self.moving)
        for policy, uplink in self.pins.items():
            if policy in config.policies and uplink in config.policies[policy].uplinks:
                yield Pin(at=now, policy=policy, uplink=uplink)

    def drain(self, config: Config, uplink: str, *, move_flows: bool = False) -> HealthEvent:
        """No new flows by `uplink`. Raises UsageError for a name that the file does not have.

        With `move_flows` the living ones move too, also those of an uplink that is drained already.
        """
        _require_known(config.uplinks, uplink, "uplink")
        self.drained.add(uplink)
        if move_flows:
            self.moving.add(uplink)
        return Drain(at=time.monotonic(), uplink=uplink, move_flows=uplink in self.moving)

    def pin(self, config: Config, policy: str, uplink: str) -> HealthEvent:
        """All new flows of `policy` by `uplink`, which must be one of its own."""
        _require_known(config.policies, policy, "policy")
        _require_known(config.policies[policy].uplinks, uplink, f"uplink of policy {policy}")
        self.pins[policy] = uplink
        return Pin(at=time.monotonic(), policy=policy, uplink=uplink)

    def restore(self, config: Config, uplink: str) -> HealthEvent:
        """End the drain of `uplink`, and the pins to it."""
        _require_known(config.uplinks, uplink, "uplink")
        self.drained.discard(uplink)
        self.moving.discard(uplink)
        self.pins = {policy: name for policy, name in self.pins.items() if name != uplink}
        return Restore(at=time.monotonic(), uplink=uplink)

    def set_limit(
        self, config: Config, vlan: str, directions: Iterable[str], limit: TemporaryLimit
    ) -> None:
        """A ceiling for `vlan`. Raises UsageError for a name that the file does not have."""
        _require_known(config.vlans, vlan, "VLAN")
        self.limits.put(vlan, directions, limit)

    def remove_limit(self, config: Config, vlan: str, directions: Iterable[str]) -> bool:
        """Back to the file's ceiling; whether there was a limit. Raises UsageError as above."""
        _require_known(config.vlans, vlan, "VLAN")
        return self.limits.remove(vlan, directions)


def stored_limits(state_dir: Path, config: Config) -> VlanLimits:
    """The limits that the last daemon saved and whose time is not over, for VLANs of `config`."""
    return OperatorOverrides.load(state_dir).limits.without_expired().in_force(config)


def _require_known(names: Any, name: str, what: str) -> None:
    if name not in names:
        raise UsageError(f"There is no {what} {name!r}.", remedy=f"There is: {', '.join(names)}.")
