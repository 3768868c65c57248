"""The leases of the uplinks, in the runtime directory: what the daemon's clients hold.

`plan`, `apply`, `status` and `explain` without a daemon read them, and so does the next daemon. The
moments are of CLOCK_BOOTTIME, so the file names its boot, and the leases of another count no more.
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

UPLINK_LEASES_FILE: Final = "leases.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """What is known of one uplink: a lease, or why there is none."""

    interface: str
    lease: UplinkLease | None = None
    lacks: str = ""


class LeaseStore:
    """The leases by uplink. What cannot be written is kept in memory all the same."""

    def __init__(self, runtime_dir: Path) -> None:
        self._file = runtime_dir / UPLINK_LEASES_FILE
        self.records: dict[str, LeaseRecord] = _load_records(self._file)

    def put(self, name: str, record: LeaseRecord | None) -> None:
        """Remember `page` of an uplink, None for nothing at all."""
        self.records = {other: each for other, each in self.records.items() if other != name}
        if record is not None:
            self.records[name] = record
        _save_records(self._file, self.records)

    def clear(self) -> None:
        """Nothing is known of any lease."""
        self.records = {}
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

    def usable_lease(self, config: Config, name: str) -> UplinkLease | None:
        """The lease that uplink `name` of `config` may use now."""
        page, uplink = self.records.get(name), config.uplinks[name]
        if page is None or page.lease is None or page.interface != uplink.interface:
            return None
        over = BootTime.now().seconds >= page.lease.expires_at
        return None if over or vlan_conflict(config, page.lease) else page.lease

    def facts_with_leases(self, config: Config, facts: Facts) -> Facts:
        """`facts` with the leases that the uplinks of `config` have, and what they lack."""
        leased = [n for n, u in config.uplinks.items() if u.addressing is Addressing.DHCP]
        found = {name: self.usable_lease(config, name) for name in leased}
        pages = {n: p for n, p in self.records.items() if n in leased and p.lacks}
        return replace(
            facts,
            leases={name: lease for name, lease in found.items() if lease is not None},
            no_address_reasons={
                **facts.no_address_reasons,
                **{name: page.lacks for name, page in pages.items()},
            },
        )


def _save_records(file: Path, records: Mapping[str, LeaseRecord]) -> None:
    """Memory that holds /run may be full: then the next daemon asks for the leases anew."""
    document = {"boot": BootTime.now().boot, "uplinks": {n: asdict(p) for n, p in records.items()}}
    aside = file.with_name(f"{UPLINK_LEASES_FILE}.new")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(document, default=str), encoding="utf-8")
        aside.replace(file)


def _load_records(file: Path) -> dict[str, LeaseRecord]:
    """The pages of this boot; none where there is no file, or one that cannot be read."""
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
        if found["boot"] != BootTime.now().boot:
            return {}
        return dict(_parse_records(found["uplinks"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _parse_records(found: Mapping[str, Any]) -> Iterator[tuple[str, LeaseRecord]]:
    for name, page in found.items():
        lease = None if page["lease"] is None else _parse_lease(page["lease"])
        yield (
            name,
            LeaseRecord(interface=str(page["interface"]), lease=lease, lacks=str(page["lacks"])),
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
