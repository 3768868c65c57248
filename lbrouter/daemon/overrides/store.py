"""Operator overrides, kept over a restart: drained uplinks, pinned policies, limited VLANs, blocked
clients.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from lbrouter.compile.shaping.overrides import VlanLimits
from lbrouter.daemon.overrides.blocked_clients import BlockTable, SavedBlocks
from lbrouter.daemon.overrides.temporary_limits import LimitTable, SavedLimits, TemporaryLimit
from lbrouter.model.config import Config
from lbrouter.model.errors import UsageError
from lbrouter.model.events import Drain, HealthEvent, Pin, Restore
from lbrouter.model.messages.phrase import Phrase, phrase
from lbrouter.system.saved_file import DamageReport
from lbrouter.system.state_file import StateFile

OVERRIDES_FILE: Final = "wishes.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedOverrides:
    """The file: what `OperatorOverrides` holds. Earlier releases knew no moving, limits, blocks."""

    drained: tuple[str, ...] = ()
    moving: tuple[str, ...] = ()
    pins: Mapping[str, str] = field(default_factory=dict)
    limits: SavedLimits = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)
    blocks: SavedBlocks = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class OperatorOverrides:
    """Names of drained uplinks, the uplink that each pinned policy has to take, limits of VLANs."""

    drained: set[str] = field(default_factory=set)
    moving: set[str] = field(default_factory=set)
    """Those of them whose living flows are to move as well."""
    pins: dict[str, str] = field(default_factory=dict)
    limits: LimitTable = field(default_factory=LimitTable)
    lines: dict[str, str] = field(default_factory=dict)
    """The identity of each uplink that is named here: a drain follows its line, not its name."""
    blocks: BlockTable = field(default_factory=BlockTable)

    @staticmethod
    def load(state_dir: Path, report: DamageReport) -> "OperatorOverrides":
        """As they were saved; none where none are, or none can be read, which is reported."""
        saved = _state_file(state_dir).load_owned(report) or SavedOverrides()
        return OperatorOverrides(
            drained=set(saved.drained),
            moving=set(saved.moving),
            pins=dict(saved.pins),
            limits=LimitTable.from_saved(saved.limits),
            lines=dict(saved.lines),
            blocks=BlockTable(dict(saved.blocks)),
        )

    def save(self, state_dir: Path) -> None:
        """Raises LbrouterError where the disk does not take it."""
        _state_file(state_dir).save(
            SavedOverrides(
                drained=tuple(sorted(self.drained)),
                moving=tuple(sorted(self.moving)),
                pins=self.pins,
                limits=self.limits.saved(),
                lines=self.lines,
                blocks=self.blocks.saved(),
            )
        )

    def followed(self, config: Config) -> "OperatorOverrides":
        """The same, with the names that the lines have in `config`.

        A line that `config` does not have keeps its name, unless a line on another interface is
        called so now: that one was not meant, and the override ends.
        """
        now = {uplink.identity: name for name, uplink in config.uplinks.items()}
        named = {*self.drained, *self.moving, *self.pins.values()}
        known = {name: self.lines.get(name, _identity(config, name)) for name in named}
        names = {
            name: now.get(identity, name)
            for name, identity in known.items()
            if identity in now or _is_still(config, name, identity)
        }
        return replace(
            self,
            drained={names[name] for name in self.drained if name in names},
            moving={names[name] for name in self.moving if name in names},
            pins={policy: names[name] for policy, name in self.pins.items() if name in names},
            lines={new: _identity(config, new) or known[old] for old, new in names.items()},
        )

    def events(self, config: Config) -> Iterator[HealthEvent]:
        """Events after which a health tracker of `config` follows these overrides, and no others.

        Names that the file does not have are left out: those overrides wait (`waiting`).
        """
        now = time.monotonic()
        for name in config.uplinks:
            if name not in self.drained:
                yield Restore(at=now, uplink=name)
        for name in sorted(self.drained & set(config.uplinks)):
            yield Drain(at=now, uplink=name, move_flows=name in self.moving)
        for policy in config.policies:
            uplink = self.pins.get(policy)
            known = uplink in config.policies[policy].uplinks
            yield Pin(at=now, policy=policy, uplink=uplink if known else None)

    def drain(self, config: Config, uplink: str, *, move_flows: bool = False) -> HealthEvent:
        """No new flows by `uplink`. Raises UsageError for a name that the file does not have.

        With `move_flows` the living ones move too, also those of an uplink that is drained already.
        """
        _require_known(config.uplinks, uplink, phrase("uplink"))
        self.drained.add(uplink)
        self.lines[uplink] = config.uplinks[uplink].identity
        if move_flows:
            self.moving.add(uplink)
        return Drain(at=time.monotonic(), uplink=uplink, move_flows=uplink in self.moving)

    def pin(self, config: Config, policy: str, uplink: str) -> HealthEvent:
        """All new flows of `policy` by `uplink`, which must be one of its own."""
        _require_known(config.policies, policy, phrase("policy"))
        _require_known(
            config.policies[policy].uplinks,
            uplink,
            phrase("uplink of policy {policy}", policy=policy),
        )
        self.pins[policy] = uplink
        self.lines[uplink] = config.uplinks[uplink].identity
        return Pin(at=time.monotonic(), policy=policy, uplink=uplink)

    def restore(self, config: Config, uplink: str) -> HealthEvent:
        """End the drain of `uplink`, and the pins to it."""
        kept = self.drained | set(self.pins.values())
        if uplink not in kept:  # what waits for an uplink that the file lacks can be ended, too
            _require_known(config.uplinks, uplink, phrase("uplink"))
        self.drained.discard(uplink)
        self.moving.discard(uplink)
        self.pins = {policy: name for policy, name in self.pins.items() if name != uplink}
        return Restore(at=time.monotonic(), uplink=uplink)

    def set_limit(
        self, config: Config, vlan: str, directions: Iterable[str], limit: TemporaryLimit
    ) -> None:
        """A ceiling for `vlan`. Raises UsageError for a name that the file does not have."""
        _require_known(config.vlans, vlan, phrase("VLAN"))
        self.limits.put(vlan, directions, limit)

    def remove_limit(self, config: Config, vlan: str, directions: Iterable[str]) -> bool:
        """Back to the file's ceiling; whether there was a limit. Raises UsageError as above."""
        if vlan not in self.limits.vlans():
            _require_known(config.vlans, vlan, phrase("VLAN"))
        return self.limits.remove(vlan, directions)


def _identity(config: Config, name: str) -> str:
    """Of an uplink that an earlier release saved by its name alone; "" where there is none."""
    uplink = config.uplinks.get(name)
    return "" if uplink is None else uplink.identity


def _is_still(config: Config, name: str, identity: str) -> bool:
    """Whether `name` is no other line now: it is absent, or its address alone has changed."""
    uplink = config.uplinks.get(name)
    return uplink is None or uplink.interface == identity.partition(" ")[0]


def stored_limits(state_dir: Path, report: DamageReport, config: Config) -> VlanLimits:
    """The limits that the last daemon saved and whose time is not over, for VLANs of `config`."""
    saved = _state_file(state_dir).load(report) or SavedOverrides()
    return LimitTable.from_saved(saved.limits).without_expired().in_force(config)


def stored_blocks(state_dir: Path, report: DamageReport) -> BlockTable:
    """The blocks that the last daemon saved; none for a user who may not read them."""
    if os.geteuid() and not os.access(state_dir / OVERRIDES_FILE, os.R_OK):
        return BlockTable()
    saved = _state_file(state_dir).load(report) or SavedOverrides()
    return BlockTable(dict(saved.blocks))


def _require_known(names: Any, name: str, what: Phrase) -> None:
    if name not in names:
        raise UsageError(
            phrase("There is no {what} {name}.", what=what, name=repr(name)),
            remedy=phrase("Choose one of: {names}.", names=", ".join(names)),
        )


def _state_file(state_dir: Path) -> StateFile[SavedOverrides]:
    return StateFile(state_dir / OVERRIDES_FILE, SavedOverrides, durable=True)
