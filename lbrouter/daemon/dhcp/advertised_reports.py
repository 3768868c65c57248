"""The timeline of what routers advertise to the uplinks: address, router, what is refused."""

import time
from collections.abc import Mapping
from typing import Final

from lbrouter.daemon.events.journal import Journal
from lbrouter.model.lease import AdvertisedLine
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message

REFUSAL_REPORT_INTERVAL_S: Final = 60.0
"""A neighbour that advertises another wrong prefix each second does not fill the timeline."""


class AdvertisedReports:
    """Tells each change once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._told: Mapping[str, AdvertisedLine] = {}
        self._refusals_told: dict[str, float] = {}

    def tell(self, lines: Mapping[str, AdvertisedLine]) -> None:
        """Compare with what was told, and tell the differences."""
        if lines == self._told:
            return
        for name in sorted(lines.keys() | self._told.keys()):
            now, before = lines.get(name, AdvertisedLine()), self._told.get(name, AdvertisedLine())
            self._tell_address(name, now, before)
            self._tell_refusal(name, now, before)
        self._told = lines

    def _tell_address(self, name: str, now: AdvertisedLine, before: AdvertisedLine) -> None:
        earlier = _values(before, "_before")
        if _values(now, "_before") == earlier:
            return
        if now.is_usable:
            values = _values(now, "") | earlier
            said = message(EventCode.ADVERTISED, uplink=name, **values)
        else:
            reason = {} if now.lacks is None else {"reason": now.lacks}
            said = message(EventCode.ADVERTISED_LOST, uplink=name, **earlier, **reason)
        self._journal.log("router", said, subject=name)

    def _tell_refusal(self, name: str, now: AdvertisedLine, before: AdvertisedLine) -> None:
        last = self._refusals_told.get(name, float("-inf"))
        due = time.monotonic() - last >= REFUSAL_REPORT_INTERVAL_S
        if now.refused and now.refused != before.refused and due:
            self._refusals_told[name] = time.monotonic()
            said = message(EventCode.PREFIX_IGNORED, uplink=name, offer=now.refused[0])
            self._journal.log("router", said, subject=name)


def _values(line: AdvertisedLine, when: str) -> dict[str, str]:
    if not line.is_usable:
        return {}
    return {f"address{when}": str(line.addresses[0]), f"router{when}": str(line.router)}
