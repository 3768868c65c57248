"""The leases of the uplinks, in the runtime directory, as the DHCP clients of the daemon got them.

`plan`, `apply`, `status` and `explain` without a daemon read them, and so does the next daemon. The
times are of CLOCK_BOOTTIME, so the file names its boot, and the leases of another boot are ignored.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lbrouter.compile.dhcp.lease_validation import lease_conflict
from lbrouter.daemon.saved_message import SavedMessage
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.config import Addressing, Config
from lbrouter.model.errors import LbrouterError
from lbrouter.model.facts import Facts
from lbrouter.model.lease import UplinkLease
from lbrouter.system.saved_file import DamageReport
from lbrouter.system.state_file import StateFile

UPLINK_LEASES_FILE: Final = "leases.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """What is known of one uplink: a lease, or why there is none."""

    interface: str
    lease: UplinkLease | None = None
    lacks: SavedMessage = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedLeases:
    """leases.json: records by uplink, and the boot whose times they name."""

    boot: str
    uplinks: Mapping[str, LeaseRecord]


class LeaseStore:
    """The leases by uplink. A lease that cannot be written is still kept in memory."""

    def __init__(self, runtime_dir: Path, report: DamageReport) -> None:
        self._file = StateFile(runtime_dir / UPLINK_LEASES_FILE, SavedLeases, durable=False)
        self.records: dict[str, LeaseRecord] = {}
        saved = self._file.load(report)
        if saved is not None and saved.boot == BootTime.now().boot:
            self.records = dict(saved.uplinks)

    def put(self, name: str, record: LeaseRecord | None) -> None:
        """Save `record` of an uplink; None removes it."""
        self.records = {other: each for other, each in self.records.items() if other != name}
        if record is not None:
            self.records[name] = record
        # Memory that holds /run may be full: then the next daemon requests the leases again.
        with suppress(LbrouterError):
            self._file.save(SavedLeases(boot=BootTime.now().boot, uplinks=self.records))

    def clear(self) -> None:
        """Remove all records."""
        self.records = {}
        with suppress(OSError):
            self._file.remove()

    def usable_lease(self, config: Config, name: str) -> UplinkLease | None:
        """The lease that uplink `name` of `config` may use now.

        It belongs to the interface: an uplink that has got another name keeps it.
        """
        record = self._record_of(config.uplinks[name].interface)
        if record is None or record.lease is None:
            return None
        expired = BootTime.now().seconds >= record.lease.expires_at
        return None if expired or lease_conflict(config, record.lease) else record.lease

    def held_leases(self, config: Config) -> dict[str, UplinkLease]:
        """The leases that servers have granted to the uplinks of `config`, those too that overlap
        a VLAN and so may not be used.
        """
        now = BootTime.now().seconds
        found = {name: self._record_of(u.interface) for name, u in config.uplinks.items()}
        return {
            name: record.lease
            for name, record in found.items()
            if record is not None and record.lease is not None and now < record.lease.expires_at
        }

    def _record_of(self, interface: str) -> LeaseRecord | None:
        """What is known of an interface; of several records the one with a lease."""
        found = [each for each in self.records.values() if each.interface == interface]
        return max(found, key=lambda each: each.lease is not None, default=None)

    def facts_with_leases(self, config: Config, facts: Facts) -> Facts:
        """`facts` with the leases that the uplinks of `config` have, and what they lack."""
        leased = [n for n, u in config.uplinks.items() if u.addressing is Addressing.DHCP]
        found = {name: self.usable_lease(config, name) for name in leased}
        known = {name: self._record_of(config.uplinks[name].interface) for name in leased}
        missing = {name: each for name, each in known.items() if each is not None and each.lacks}
        return replace(
            facts,
            leases={name: lease for name, lease in found.items() if lease is not None},
            no_address_reasons={
                **facts.no_address_reasons,
                **{name: record.lacks for name, record in missing.items() if record.lacks},
            },
        )
