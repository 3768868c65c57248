"""Bytes and peaks of the uplinks and VLANs between two records of the history."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lbrouter.compile.event_report.report_facts import TrafficAmount
from lbrouter.compile.report.status_types import InterfaceTraffic
from lbrouter.kernel.read.counters import InterfaceBytes
from lbrouter.model.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedPart:
    """An uplink or a VLAN, and its device."""

    kind: str
    name: str
    device: str


def counted_parts(config: Config) -> list[CountedPart]:
    """All that is recorded for a file."""
    uplinks = config.uplinks.items()
    vlans = config.vlans.items()
    return [
        *(CountedPart(kind="uplink", name=name, device=line.device) for name, line in uplinks),
        *(CountedPart(kind="vlan", name=n, device=config.vlan_device(v)) for n, v in vlans),
    ]


class TrafficTotals:
    """Counters of devices as they were at the last record, and the highest rates since."""

    def __init__(self) -> None:
        self._before: Mapping[str, InterfaceBytes] = {}
        self._taken_at: float | None = None
        self._peaks: dict[str, InterfaceTraffic] = {}

    def add(self, parts: Iterable[CountedPart], traffic: Mapping[str, InterfaceTraffic]) -> None:
        """The rates of one second; those of other programs' devices are passed over."""
        for part in parts:
            now = traffic.get(part.device, InterfaceTraffic())
            top = self._peaks.get(part.device, InterfaceTraffic())
            self._peaks[part.device] = InterfaceTraffic(
                received_bps=max(top.received_bps, now.received_bps),
                sent_bps=max(top.sent_bps, now.sent_bps),
            )

    def take(
        self,
        parts: Iterable[CountedPart],
        counted: Mapping[str, InterfaceBytes],
        *,
        now: float,
        at: str,
    ) -> list[TrafficAmount]:
        """What each part carried since the last call; the counting begins again.

        `now` is on CLOCK_MONOTONIC, `at` RFC 3339 in UTC. Nothing the first time; a counter that
        runs backwards belongs to a device that was made again, and counts from zero.
        """
        before, since, peaks = self._before, self._taken_at, self._peaks
        self._before, self._taken_at, self._peaks = counted, now, {}
        if since is None or now <= since:
            return []
        return [
            _amount(
                part,
                _grown(before.get(part.device), counted[part.device]),
                peaks.get(part.device, InterfaceTraffic()),
                seconds=round(now - since, 3),
                at=at,
            )
            for part in parts
            if part.device in counted
        ]


def _grown(before: InterfaceBytes | None, now: InterfaceBytes) -> InterfaceBytes:
    if before is None or now.received < before.received or now.sent < before.sent:
        return now if before is not None else InterfaceBytes(received=0, sent=0)
    return InterfaceBytes(received=now.received - before.received, sent=now.sent - before.sent)


def _amount(
    part: CountedPart, grown: InterfaceBytes, peak: InterfaceTraffic, *, seconds: float, at: str
) -> TrafficAmount:
    """What a VLAN's device receives is upload: its clients send it."""
    counts, tops = (grown.sent, grown.received), (peak.sent_bps, peak.received_bps)
    if part.kind == "vlan":
        counts, tops = counts[::-1], tops[::-1]
    return TrafficAmount(
        at=at,
        kind=part.kind,
        name=part.name,
        seconds=seconds,
        upload_bytes=counts[0],
        download_bytes=counts[1],
        peak_upload_bps=tops[0],
        peak_download_bps=tops[1],
    )
