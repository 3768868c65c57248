"""`StateStore`: what lbrouter saves between runs, in the state directory.

The state of the kernel is not saved, it is observed. Only what cannot be observed is saved:
which number an uplink had, what a setting was before us, the last good file, the text of rulesets.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lbrouter.model.facts import Allocation
from lbrouter.model.kernel_state import KernelState, LinkAdminState, Sysctl
from lbrouter.model.objects.link_setting import LinkProperty, LinkSetting
from lbrouter.system import atomic_file
from lbrouter.system.saved_file import DamageReport, SavedFile
from lbrouter.system.state_file import StateFile

RULESETS_KEPT: Final = 3
"""The one in the kernel, the one before it, and one that is being applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedAllocation:
    """allocation.json. An earlier release saved no identities: `allocate` then goes by names."""

    uplinks: Mapping[str, int]
    vlans: Mapping[str, int]
    retired: tuple[str, ...]
    uplink_identities: Mapping[str, int] = field(default_factory=dict)
    vlan_identities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedBaseline:
    """baseline.json: values of settings by their path, and whether each link was up."""

    sysctls: Mapping[str, str]
    links: Mapping[str, bool]
    link_settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By interface, the values of its properties; an earlier release saved none."""


class StateStore:
    """Files below `state_dir`, each written whole or not at all.

    `warnings` collects a sentence for each file that was found damaged; `report` gets it at once.
    """

    def __init__(self, state_dir: Path, report: DamageReport | None = None) -> None:
        self.directory = state_dir
        self.warnings: list[str] = []
        self._report = report
        self._allocation = StateFile(state_dir / "allocation.json", SavedAllocation, durable=True)
        self._baseline = StateFile(state_dir / "baseline.json", SavedBaseline, durable=True)
        self._config = SavedFile(state_dir / "config.toml", durable=True)

    def require_writable(self) -> None:
        """Raise NotAppliedError or NotPermittedError unless there is room for an apply's files."""
        atomic_file.require_free_space(self.directory)

    def load_allocation(self) -> Allocation:
        """Numbers of uplinks and VLANs; none where nothing is remembered."""
        saved = self._allocation.load(self.report_damage)
        if saved is None:
            return Allocation()
        return Allocation(
            uplinks=saved.uplinks,
            vlans=saved.vlans,
            uplink_identities=saved.uplink_identities,
            vlan_identities=saved.vlan_identities,
            retired=saved.retired,
        )

    def save_allocation(self, allocation: Allocation) -> None:
        """Remember the numbers. Do so before the kernel holds them."""
        self._allocation.save(
            SavedAllocation(
                uplinks=allocation.uplinks,
                vlans=allocation.vlans,
                uplink_identities=allocation.uplink_identities,
                vlan_identities=allocation.vlan_identities,
                retired=allocation.retired,
            )
        )

    def load_baseline(self) -> KernelState:
        """Settings and link flags as they were before lbrouter first set them."""
        saved = self._baseline.load(self.report_damage)
        if saved is None:
            return KernelState()
        settings = (Sysctl(path=path, value=value) for path, value in saved.sysctls.items())
        links = (LinkAdminState(interface=name, up=up) for name, up in saved.links.items())
        properties = (
            LinkSetting(interface=name, kind=LinkProperty(word), value=value)
            for name, values in saved.link_settings.items()
            for word, value in values.items()
        )
        return KernelState(
            sysctls=frozenset(settings),
            links=frozenset(links),
            link_settings=frozenset(properties),
        )

    def save_baseline(self, state: KernelState) -> None:
        """Remember settings and link flags of `state`; its other fields are not kept."""
        properties: dict[str, dict[str, str]] = {}
        for setting in state.link_settings:
            properties.setdefault(setting.interface, {})[setting.kind] = setting.value
        self._baseline.save(
            SavedBaseline(
                link_settings=properties,
                sysctls={each.path: each.value for each in state.sysctls},
                links={each.interface: each.up for each in state.links},
            )
        )

    def load_config(self) -> bytes | None:
        """The last configuration that was applied in full, or None."""
        return self._config.read(bytes, self.report_damage)

    def save_config(self, text: bytes) -> None:
        """Remember `text` as the last good configuration."""
        self._config.write(text)

    def load_script(self, digest: str) -> str | None:
        """The nft text whose structure has `digest`, or None."""
        file = SavedFile(self._ruleset_path(digest), durable=True)
        return file.read(bytes.decode, self.report_damage)

    def save_script(self, digest: str, text: str) -> None:
        """Keep the text of a ruleset, and forget all but the last three."""
        file = self._ruleset_path(digest)
        atomic_file.write(file, text.encode())
        atomic_file.backup_path(file).unlink(missing_ok=True)
        kept = sorted(file.parent.glob("*.nft"), key=lambda each: each.stat().st_mtime_ns)
        for old in kept[:-RULESETS_KEPT]:
            old.unlink(missing_ok=True)

    def upgrade(self) -> None:
        """Write files of the landed version anew, and close all to others. The caller holds the
        lock.
        """
        atomic_file.close_to_others(self.directory)
        self._allocation.load_owned(self.report_damage)
        self._baseline.load_owned(self.report_damage)

    def report_damage(self, warning: str) -> None:
        """Take a sentence about a damaged file; the same one counts once."""
        if warning not in self.warnings:
            self.warnings.append(warning)
            if self._report is not None:
                self._report(warning)

    def _ruleset_path(self, digest: str) -> Path:
        return self.directory / "rulesets" / f"{re.sub('[^0-9A-Za-z]', '-', digest)}.nft"
