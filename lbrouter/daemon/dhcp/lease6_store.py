"""The DHCPv6 leases of the uplinks, in the runtime directory, as those of IPv4 are."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lbrouter.daemon.saved_message import SavedMessage
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError
from lbrouter.model.facts import Facts
from lbrouter.model.objects.lease6 import UplinkLease6
from lbrouter.system.saved_file import DamageReport
from lbrouter.system.state_file import StateFile

LEASES6_FILE: Final = "leases6.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease6Record:
    """What is known of one uplink: a lease, or why there is none."""

    interface: str
    lease: UplinkLease6 | None = None
    lacks: SavedMessage = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedLeases6:
    """leases6.json: records by uplink, and the boot whose times they name."""

    boot: str
    uplinks: Mapping[str, Lease6Record]


class Lease6Store:
    """The leases by uplink. A lease that cannot be written is still kept in memory."""

    def __init__(self, runtime_dir: Path, report: DamageReport) -> None:
        self._file = StateFile(runtime_dir / LEASES6_FILE, SavedLeases6, durable=False)
        self.records: dict[str, Lease6Record] = {}
        saved = self._file.load(report)
        if saved is not None and saved.boot == BootTime.now().boot:
            self.records = dict(saved.uplinks)

    def put(self, name: str, record: Lease6Record | None) -> None:
        """Save `record` of an uplink; None removes it."""
        self.records = {other: each for other, each in self.records.items() if other != name}
        if record is not None:
            self.records[name] = record
        with suppress(LbrouterError):
            self._file.save(SavedLeases6(boot=BootTime.now().boot, uplinks=self.records))

    def clear(self) -> None:
        """Remove all records."""
        self.records = {}
        with suppress(OSError):
            self._file.remove()

    def usable_lease(self, config: Config, name: str) -> UplinkLease6 | None:
        """The lease that uplink `name` of `config` may use now. It belongs to the interface."""
        record = self._record_of(config.uplinks[name].interface)
        if record is None or record.lease is None:
            return None
        expired = BootTime.now().seconds >= record.lease.expires_at
        return None if expired or overlaps_vlan(config, record.lease) else record.lease

    def _record_of(self, interface: str) -> Lease6Record | None:
        found = [each for each in self.records.values() if each.interface == interface]
        return max(found, key=lambda each: each.lease is not None, default=None)

    def facts_with_leases(self, config: Config, facts: Facts) -> Facts:
        """`facts` with the leases that the uplinks of `config` have, and what they lack."""
        asking = [name for name, uplink in config.uplinks.items() if uplink.dhcp6]
        leases = {name: self.usable_lease(config, name) for name in asking}
        known = {name: self._record_of(config.uplinks[name].interface) for name in asking}
        return replace(
            facts,
            leases6={name: lease for name, lease in leases.items() if lease is not None},
            no_address6_reasons={
                name: record.lacks
                for name, record in known.items()
                if record is not None and record.lacks
            },
        )


def overlaps_vlan(config: Config, lease: UplinkLease6) -> bool:
    """Whether the address lies in a VLAN's subnet: the gateway could not tell them apart."""
    networks = (
        vlan.address6.network for vlan in config.vlans.values() if vlan.address6 is not None
    )
    return any(lease.address.ip in network for network in networks)
