"""`StateStore`: what lbrouter saves between runs, in the state directory.

The state of the kernel is not saved, it is observed. Only what cannot be observed is saved:
which number an uplink had, what a setting was before us, the last good file, the text of rulesets.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from lbrouter.model.facts import Allocation
from lbrouter.model.kernel_state import KernelState, LinkAdminState, Sysctl
from lbrouter.system import atomic_file

T = TypeVar("T")

RULESETS_KEPT: Final = 3
"""The one in the kernel, the one before it, and one that is being applied."""


class StateStore:
    """Files below `state_dir`, each written whole or not at all.

    `warnings` collects a sentence for each file that was found damaged.
    """

    def __init__(self, state_dir: Path) -> None:
        self.directory = state_dir
        self.warnings: list[str] = []

    def require_writable(self) -> None:
        """Raise NotAppliedError or NotPermittedError unless there is room for an apply's files."""
        atomic_file.require_free_space(self.directory)

    def load_allocation(self) -> Allocation:
        """Numbers of uplinks and VLANs; none where nothing is remembered."""
        return self._load("allocation.json", _parse_allocation, Allocation())

    def save_allocation(self, allocation: Allocation) -> None:
        """Remember the numbers. Do so before the kernel holds them."""
        self._save("allocation.json", _allocation_payload(allocation))

    def load_baseline(self) -> KernelState:
        """Settings and link flags as they were before lbrouter first set them."""
        return self._load("baseline.json", _parse_baseline, KernelState())

    def save_baseline(self, state: KernelState) -> None:
        """Remember settings and link flags of `state`; its other fields are not kept."""
        self._save("baseline.json", _baseline_payload(state))

    def load_config(self) -> bytes | None:
        """The last configuration that was applied in full, or None."""
        payload, warning = atomic_file.read(self.directory / "config.toml")
        self._add_warning(warning)
        return payload

    def save_config(self, text: bytes) -> None:
        """Remember `text` as the last good configuration."""
        atomic_file.write(self.directory / "config.toml", text)

    def load_script(self, digest: str) -> str | None:
        """The nft text whose structure has `digest`, or None."""
        payload, warning = atomic_file.read(self._ruleset_path(digest))
        self._add_warning(warning)
        return None if payload is None else payload.decode()

    def save_script(self, digest: str, text: str) -> None:
        """Keep the text of a ruleset, and forget all but the last three."""
        file = self._ruleset_path(digest)
        atomic_file.write(file, text.encode())
        atomic_file.backup_path(file).unlink(missing_ok=True)
        kept = sorted(file.parent.glob("*.nft"), key=lambda each: each.stat().st_mtime_ns)
        for old in kept[:-RULESETS_KEPT]:
            old.unlink(missing_ok=True)

    def _ruleset_path(self, digest: str) -> Path:
        return self.directory / "rulesets" / f"{re.sub('[^0-9A-Za-z]', '-', digest)}.nft"

    def _load(self, name: str, parse: Callable[[Any], T], default: T) -> T:
        payload, warning = atomic_file.read(self.directory / name)
        self._add_warning(warning)
        if payload is None:
            return default
        try:
            return parse(json.loads(payload))
        except (ValueError, KeyError, TypeError, AttributeError):
            self._add_warning(f"{self.directory / name} is of another version: it is ignored.")
            return default

    def _save(self, name: str, payload: object) -> None:
        text = json.dumps(payload, indent=2, sort_keys=True) + "\n"
        atomic_file.write(self.directory / name, text.encode())

    def _add_warning(self, warning: str) -> None:
        if warning and warning not in self.warnings:
            self.warnings.append(warning)


def _parse_allocation(payload: Any) -> Allocation:
    """An earlier release saved no identities: `allocate` then goes by the names, once."""
    return Allocation(
        uplinks=_parse_numbers(payload["uplinks"]),
        vlans=_parse_numbers(payload["vlans"]),
        uplink_identities=_parse_numbers(payload.get("uplink_identities", {})),
        vlan_identities=_parse_numbers(payload.get("vlan_identities", {})),
        retired=tuple(map(str, payload["retired"])),
    )


def _parse_numbers(payload: Any) -> dict[str, int]:
    return {str(key): int(number) for key, number in payload.items()}


def _allocation_payload(allocation: Allocation) -> object:
    return {
        "uplinks": dict(allocation.uplinks),
        "vlans": dict(allocation.vlans),
        "uplink_identities": dict(allocation.uplink_identities),
        "vlan_identities": dict(allocation.vlan_identities),
        "retired": list(allocation.retired),
    }


def _parse_baseline(payload: Any) -> KernelState:
    sysctls, links = payload["sysctls"], payload["links"]
    return KernelState(
        sysctls=frozenset(Sysctl(path=path, value=str(value)) for path, value in sysctls.items()),
        links=frozenset(LinkAdminState(interface=name, up=bool(up)) for name, up in links.items()),
    )


def _baseline_payload(state: KernelState) -> object:
    return {
        "sysctls": {each.path: each.value for each in state.sysctls},
        "links": {each.interface: each.up for each in state.links},
    }
