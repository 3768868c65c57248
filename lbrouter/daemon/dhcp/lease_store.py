"""The leases of the uplinks, in the runtime directory, as the DHCP clients of the daemon got them.

`plan`, `apply`, `status` and `explain` without a daemon read them, and so does the next daemon. The
times are of CLOCK_BOOTTIME, so the file names its boot, and the leases of another boot are ignored.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Any, Final

from lbrouter.compile.dhcp.lease_validation import vlan_conflict
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.config import Addressing, Config
from lbrouter.model.facts import Facts
from lbrouter.model.lease import UplinkLease
from lbrouter.model.messages.message import Message, parse_message

UPLINK_LEASES_FILE: Final = "leases.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """What is known of one uplink: a lease, or why there is none."""

    interface: str
    lease: UplinkLease | None = None
    lacks: Message | None = None


class LeaseStore:
    """The leases by uplink. A lease that cannot be written is still kept in memory."""

    def __init__(self, runtime_dir: Path) -> None:
        self._file = runtime_dir / UPLINK_LEASES_FILE
        self.records: dict[str, LeaseRecord] = _load_records(self._file)

    def put(self, name: str, record: LeaseRecord | None) -> None:
        """Save `record` of an uplink; None removes it."""
        self.records = {other: each for other, each in self.records.items() if other != name}
        if record is not None:
            self.records[name] = record
        _save_records(self._file, self.records)

    def clear(self) -> None:
        """Remove all records."""
        self.records = {}
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

    def usable_lease(self, config: Config, name: str) -> UplinkLease | None:
        """The lease that uplink `name` of `config` may use now.

        It belongs to the interface: an uplink that has got another name keeps it.
        """
        record = self._record_of(config.uplinks[name].interface)
        if record is None or record.lease is None:
            return None
        expired = BootTime.now().seconds >= record.lease.expires_at
        return None if expired or vlan_conflict(config, record.lease) else record.lease

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


def _save_records(file: Path, records: Mapping[str, LeaseRecord]) -> None:
    """Memory that holds /run may be full: then the next daemon requests the leases again."""
    document = {
        "boot": BootTime.now().boot,
        "uplinks": {n: _record_document(r) for n, r in records.items()},
    }
    aside = file.with_name(f"{UPLINK_LEASES_FILE}.new")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(document, default=str), encoding="utf-8")
        aside.replace(file)


def _record_document(record: LeaseRecord) -> dict[str, Any]:
    lease = None if record.lease is None else asdict(record.lease)
    lacks = None if record.lacks is None else record.lacks.as_json()
    return {"interface": record.interface, "lease": lease, "lacks": lacks}


def _load_records(file: Path) -> dict[str, LeaseRecord]:
    """The records of this boot; none where there is no file, or one that cannot be read."""
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
        if found["boot"] != BootTime.now().boot:
            return {}
        return dict(_parse_records(found["uplinks"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _parse_records(records: Mapping[str, Any]) -> Iterator[tuple[str, LeaseRecord]]:
    for name, record in records.items():
        lease = None if record["lease"] is None else _parse_lease(record["lease"])
        yield (
            name,
            LeaseRecord(
                interface=str(record["interface"]),
                lease=lease,
                lacks=parse_message(record["lacks"]) if record["lacks"] else None,
            ),
        )


def _parse_lease(found: Any) -> UplinkLease:
    return UplinkLease(
        address=IPv4Interface(found["address"]),
        gateway=IPv4Address(found["gateway"]),
        server=IPv4Address(found["server"]),
        station=str(found["station"]),
        dns=tuple(map(IPv4Address, found["dns"])),
        mtu=None if found["mtu"] is None else int(found["mtu"]),
        obtained_at=float(found["obtained_at"]),
        renew_at=float(found["renew_at"]),
        rebind_at=float(found["rebind_at"]),
        expires_at=float(found["expires_at"]),
    )
