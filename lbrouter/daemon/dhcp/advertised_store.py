"""What routers advertise on the uplinks' lines, in the runtime directory, as the daemon heard it.

`plan`, `apply`, `status` and `explain` without a daemon read it, and so does the next daemon: its
start interrupts no IPv6. The times are of CLOCK_BOOTTIME, so the file names its boot.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lbrouter.compile.ra.advertised_routers import AdvertisedRouters
from lbrouter.compile.ra.line_addressing import advertised_lines
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError
from lbrouter.model.facts import Facts
from lbrouter.system.saved_file import DamageReport
from lbrouter.system.state_file import StateFile

ADVERTISED_FILE: Final = "advertised.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedAdvertisements:
    """advertised.json: routers by device, and the boot whose times they name."""

    boot: str
    devices: Mapping[str, AdvertisedRouters]


class AdvertisedStore:
    """The routers by device. What cannot be written is still kept in memory."""

    def __init__(self, runtime_dir: Path, report: DamageReport) -> None:
        self._file = StateFile(runtime_dir / ADVERTISED_FILE, SavedAdvertisements, durable=False)
        self.devices: dict[str, AdvertisedRouters] = {}
        saved = self._file.load(report)
        if saved is not None and saved.boot == BootTime.now().boot:
            self.devices = dict(saved.devices)

    def put(self, device: str, routers: AdvertisedRouters) -> None:
        """Save the routers that a device has heard."""
        self.devices = {**self.devices, device: routers}
        self._save()

    def keep_only(self, devices: frozenset[str]) -> None:
        """Forget all other devices."""
        kept = {name: routers for name, routers in self.devices.items() if name in devices}
        if kept != self.devices:
            self.devices = kept
            self._save()

    def clear(self) -> None:
        """Forget all."""
        self.devices = {}
        with suppress(OSError):
            self._file.remove()

    def facts_with_advertisements(self, config: Config, facts: Facts) -> Facts:
        """`facts` with what each uplink with `address6 = "auto"` may use now."""
        at = BootTime.now().seconds
        lines = advertised_lines(config, self.devices, facts.interfaces, at=at)
        return replace(facts, advertised=lines)

    def _save(self) -> None:
        # Memory that holds /run may be full: then the next daemon solicits again.
        with suppress(LbrouterError):
            self._file.save(SavedAdvertisements(boot=BootTime.now().boot, devices=self.devices))
