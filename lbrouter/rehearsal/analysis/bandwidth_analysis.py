"""Rates and delays from the records of a load, and the verdict on a guarantee. Pure."""

import math
import statistics
from collections.abc import Iterable, Iterator

from lbrouter.model.config import Config, PolicyMode, Vlan
from lbrouter.model.direction import Direction
from lbrouter.model.sections.line_rate import MIN_RATE
from lbrouter.rehearsal.analysis.expected import TrafficPath
from lbrouter.rehearsal.analysis.stream_records import bytes_until
from lbrouter.rehearsal.lab.process import JsonRow
from lbrouter.rehearsal.report.judgement import CheckVerdict
from lbrouter.rehearsal.report.rows import (
    BandwidthRow,
)

TCP_PAYLOAD_SHARE = 1448 / 1514
"""What TCP delivers of a rate that counts Ethernet frames, as the file's rates do."""

KEPT_GUARANTEE_SHARE = 0.97
"""A guarantee counts as kept from this part on: 99 %, and 2 % for a window of 1.3 s that cuts
bursts at both ends."""

USABLE_LINE_SHARE = 0.95
"""Of a line's rate, what its classes give out."""

ALONE_LOAD_FACTOR = 1.5
"""Times what the lines carry: the load of a VLAN that sends alone."""

MAX_JUDGED_BPS = 400_000_000
"""Lines that are faster together are not judged: the lab's programs may be too slow for them."""


def guarantee_of(vlan: Vlan, direction: Direction) -> int:
    """Bits per second, 0 for none (and for the least that the model gives each VLAN)."""
    band = vlan.upload if direction is Direction.UPLOAD else vlan.download
    return int(band.guaranteed) if band is not None and band.guaranteed > MIN_RATE else 0


def has_guarantee(vlan: Vlan) -> bool:
    """Whether a VLAN has a guarantee in either direction."""
    return any(guarantee_of(vlan, direction) for direction in Direction)


def received_bps(flows: Iterable[JsonRow], begin: float, end: float) -> float:
    """Payload that arrived between two moments, in bits per second."""
    total = sum(bytes_until(row, end) - bytes_until(row, begin) for row in flows)
    return 8 * total / (end - begin)


def p95_rtt_ms(rows: Iterable[JsonRow], begin: float, end: float) -> float:
    """The round trip that 95 % of the probes sent between two moments kept; a lost one never."""
    for row in rows:
        if row["kind"] == "probe":
            rtts = sorted(rtt for sent, rtt in row["rtts"] if begin <= sent < end)
            times = [sent for sent, _ in row["rtts"]]
            sending_s = max(times) - min(times) + 0.02 if times else math.inf
            due = max(1, round(row["sent"] * (end - begin) / sending_s))
            place = math.ceil(0.95 * due) - 1
            return rtts[place] if place < len(rtts) else math.inf
    return math.inf


def median_rtt_ms(rows: Iterable[JsonRow]) -> float:
    """The median round trip of a probe, 0 where nothing came back."""
    rtts = [rtt for row in rows if row["kind"] == "probe" for _, rtt in row["rtts"]]
    return statistics.median(rtts) if rtts else 0.0


def offered_load_bps(config: Config, path: TrafficPath, direction: Direction) -> float:
    """What a VLAN alone asks for, in bits per second; 0 for as fast as it goes.

    More than its lines carry, but not without bound: the far end of the rehearsal is so near that
    TCP's slow start would overrun every queue, and a short window would see little but the repair.
    """
    policy = config.policies[path.policy]
    rates = [_line_rate_bps(config, name, direction) for name in policy.uplinks]
    known = [rate for rate in rates if rate]
    if len(known) < len(rates):
        return 0.0
    return ALONE_LOAD_FACTOR * (sum(known) if policy.mode is PolicyMode.BALANCE else max(known))


def _line_rate_bps(config: Config, uplink: str, direction: Direction) -> int:
    """Of a line, in bits per second; 0 where the file does not say."""
    line = config.uplinks[uplink]
    return int((line.upload if direction is Direction.UPLOAD else line.download) or 0)


def exemption_reason(
    config: Config, path: TrafficPath, situation: str, direction: Direction
) -> str:
    """Why a guarantee may be missed without a fault; "" if it must be kept.

    It must be kept as long as all guarantees together fit into each line that the policy has left.
    """
    names = config.policies[path.policy].uplinks
    left = [name for name in names if not situation.startswith(f"without {name},")]
    rates = [_line_rate_bps(config, name, direction) for name in left]
    known = [rate for rate in rates if rate]
    if len(known) < len(rates):
        return "a line without a rate is not shaped"
    if sum(known) > MAX_JUDGED_BPS:
        return "the lines are too fast for this machine to judge"
    guaranteed = sum(guarantee_of(vlan, direction) for vlan in config.vlans.values())
    if not known or guaranteed > USABLE_LINE_SHARE * min(known):
        return "the guarantees do not all fit into what is left"
    return ""


def guarantee_verdict(rate: float, guaranteed: int, exemption: str) -> tuple[CheckVerdict, str]:
    """Whether a guarantee was kept, and what is short in words."""
    if not guaranteed:
        return CheckVerdict.INFO, ""
    if rate >= KEPT_GUARANTEE_SHARE * guaranteed:
        return CheckVerdict.PASS, ""
    short = f"short by {(guaranteed - rate) / 1e6:.1f} Mbit/s"
    return (CheckVerdict.INFO, f"{short}: {exemption}") if exemption else (CheckVerdict.FAIL, short)


def in_file_order(rows: Iterable[BandwidthRow]) -> Iterator[BandwidthRow]:
    """By VLAN and direction, in the order of the file."""
    measured = list(rows)
    vlans = list(dict.fromkeys(row.vlan for row in measured))
    ways = list(Direction)
    yield from sorted(measured, key=lambda row: (vlans.index(row.vlan), ways.index(row.direction)))
