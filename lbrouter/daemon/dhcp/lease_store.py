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

from lbrouter.compile.dhcp.lease_validation import conflict
from lbrouter.daemon.confirm.pending_commit import Moment
from lbrouter.model.config import Addressing, Config
from lbrouter.model.facts import Facts
from lbrouter.model.lease import Lease

FILE: Final = "leases.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is known of one uplink: a lease, or why there is none."""

    interface: str
    lease: Lease | None = None
    lacks: str = ""


class LeaseBook:
    """The leases by uplink. What cannot be written is kept in memory all the same."""

    def __init__(self, runtime_dir: Path) -> None:
        self._file = runtime_dir / FILE
        self.pages: dict[str, Page] = _load(self._file)

    def put(self, name: str, page: Page | None) -> None:
        """Remember `page` of an uplink, None for nothing at all."""
        self.pages = {other: each for other, each in self.pages.items() if other != name}
        if page is not None:
            self.pages[name] = page
        _save(self._file, self.pages)

    def forget(self) -> None:
        """Nothing is known of any lease."""
        self.pages = {}
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

    def usable(self, config: Config, name: str) -> Lease | None:
        """The lease that uplink `name` of `config` may use now."""
        page, uplink = self.pages.get(name), config.uplinks[name]
        if page is None or page.lease is None or page.interface != uplink.interface:
            return None
        over = Moment.now().seconds >= page.lease.expires_at
        return None if over or conflict(config, page.lease) else page.lease

    def known(self, config: Config, facts: Facts) -> Facts:
        """`facts` with the leases that the uplinks of `config` have, and what they lack."""
        leased = [n for n, u in config.uplinks.items() if u.addressing is Addressing.DHCP]
        found = {name: self.usable(config, name) for name in leased}
        pages = {n: p for n, p in self.pages.items() if n in leased and p.lacks}
        return replace(
            facts,
            leases={name: lease for name, lease in found.items() if lease is not None},
            lacks={**facts.lacks, **{name: page.lacks for name, page in pages.items()}},
        )


def _save(file: Path, pages: Mapping[str, Page]) -> None:
    """Memory that holds /run may be full: then the next daemon asks for the leases anew."""
    document = {"boot": Moment.now().boot, "uplinks": {n: asdict(p) for n, p in pages.items()}}
    aside = file.with_name(f"{FILE}.new")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(document, default=str), encoding="utf-8")
        aside.replace(file)


def _load(file: Path) -> dict[str, Page]:
    """The pages of this boot; none where there is no file, or one that cannot be read."""
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
        if found["boot"] != Moment.now().boot:
            return {}
        return dict(_pages(found["uplinks"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _pages(found: Mapping[str, Any]) -> Iterator[tuple[str, Page]]:
    for name, page in found.items():
        lease = None if page["lease"] is None else _lease(page["lease"])
        yield name, Page(interface=str(page["interface"]), lease=lease, lacks=str(page["lacks"]))


def _lease(found: Any) -> Lease:
    return Lease(
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
