"""HTB's own arithmetic: class numbers, and rates and bursts that survive the kernel's rounding.

The kernel keeps rates in bytes per second and bursts as a time; `observe` reads them back. So only
values that come back unchanged are ever asked for, else each `apply` would change something.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lbrouter.model.kernel_state import HtbClass, Qdisc
from lbrouter.model.messages.phrase import as_phrase, phrase

HTB_MAJOR: Final = 0x4C01
"""Handle of each HTB of ours. All trees carry the same one: a packet is classified once, by one
map, and finds its class in every tree that it passes (a VLAN's ceiling first, then the line)."""

LAN_MAJOR: Final = 0x4C02
"""Instead, in the trees of downloads, where a line is on the LAN's own port: see `shared_port`."""

HTB_MAJORS: Final = (HTB_MAJOR, LAN_MAJOR)

GATEWAY_MINOR: Final = 0x0FFE
"""Minor of the default class: what no map classified, which is the gateway's own traffic."""

LOCAL_TRAFFIC_MINOR: Final = 0x0FFD
"""Minor of the class for traffic between VLANs, on the LAN side."""

MIN_CLASS_RATE_BPS: Final = 8_000
"""The least rate of a class, in bits per second: what a VLAN without a guarantee gets when every
other one takes its own."""

UNLIMITED_RATE_BPS: Final = 100_000_000_000
"""A rate that limits nothing, in bits per second: the most that the file accepts for a line."""

ETHERNET_FRAME_BYTES: Final = 1514
"""An Ethernet frame of a 1500-byte packet, as HTB counts it."""

MAX_QUANTUM_BYTES: Final = 60_000
"""Above it one class delays the others: at 10 Mbit/s this is 48 ms already."""

HTB_LOWEST_PRIORITY: Final = 7
"""HTB knows eight priorities, 0 (first) to 7. Ours: 0 the gateway itself, 1 to 7 the VLANs."""

LONG_BURST_RATE_BPS: Final = 400_000_000
"""From here on (a line of 500 Mbit/s, less headroom) a burst of 1 ms costs throughput: timers are
not that exact."""

MAX_BURST_US: Final = 274_000_000
"""The longest burst: the kernel keeps it as ticks of 64 ns, in 32 bits."""

PFIFO_QUEUE_MS: Final = 50
"""Time that a pfifo leaf holds at the line's rate."""


class QueueKind(StrEnum):
    """What stands in a class, the best first."""

    CAKE = "cake"
    FQ_CODEL = "fq_codel"
    PFIFO = "pfifo"


QUEUE_FAIRNESS: Final = {
    QueueKind.CAKE: phrase("fair between clients"),
    QueueKind.FQ_CODEL: phrase("fair between connections"),
    QueueKind.PFIFO: phrase("first in, first out"),
}


class CakeHostMode(StrEnum):
    """Which end of a packet is the client: its source on the way up (as it was before NAT)."""

    SOURCE = "dual-srchost"
    DESTINATION = "dual-dsthost"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLayer:
    """What HTB counts on a line: bytes on top of each packet, the least, and the largest frame."""

    overhead: int = 0
    mpu: int = 0
    frame: int = ETHERNET_FRAME_BYTES


PLAIN_LINK_LAYER: Final = LinkLayer()


def classid(*, uplink: int = 0, vlan: int = 0) -> tuple[int, int]:
    """Class of (uplink, VLAN) by their remembered numbers: minor = uplink << 12 | vlan.

    VLAN 0 is the uplink as a whole, uplink 0 the VLAN over all uplinks. VLAN numbers end at 4000
    (0xfa0), so 0xffd (`LOCAL_TRAFFIC_MINOR`) and 0xffe (`GATEWAY_MINOR`) stay free.
    """
    return (HTB_MAJOR, uplink << 12 | vlan)


def classid_text(number: tuple[int, int]) -> str:
    """A class as nft and tc print it, without leading zeros: "4c01:1012"."""
    return f"{number[0]:x}:{number[1]:x}"


def whole_bytes_rate(rate: int) -> int:
    """`rate` (bits per second) rounded down to whole bytes per second."""
    return rate // 8 * 8


def burst_size(rate: int, frame: int = ETHERNET_FRAME_BYTES) -> int:
    """Bytes that a class of `rate` (bits per second) may send at once, in whole microseconds.

    1 ms of its rate (2 ms from `LONG_BURST_RATE_BPS` on), two frames at least, `MAX_BURST_US` at
    most.
    """
    milliseconds = 2 if rate >= LONG_BURST_RATE_BPS else 1
    wanted_us = burst_us(rate, max(2 * frame, rate // 8 * milliseconds // 1000))
    return burst_bytes(rate, min(wanted_us, MAX_BURST_US))


def burst_us(rate: int, size: int) -> int:
    """Microseconds that `size` bytes take at `rate` (bits per second), rounded to the nearest."""
    per_second = rate // 8
    return (2 * size * 1_000_000 + per_second) // (2 * per_second)


def burst_bytes(rate: int, microseconds: int) -> int:
    """Bytes that `rate` (bits per second) passes in `microseconds`, rounded to the nearest.

    `burst_us` and this one lead back to the same bytes, whatever `burst_us` was given: below
    1 MB/s a byte takes longer than a microsecond, above it the burst is made of whole microseconds.
    """
    return (2 * (rate // 8) * microseconds + 1_000_000) // 2_000_000


def class_quantum(weight: int, least: int) -> int:
    """Bytes per round for a class of `weight`, when the lightest class weighs `least`.

    Classes of one priority divide what is left over in proportion to their quanta. The kernel's own
    (a tenth of the rate) reaches 200 kB from 16 Mbit/s up: a second for a small class.
    """
    if weight <= 0 or least <= 0:
        return ETHERNET_FRAME_BYTES
    return min(MAX_QUANTUM_BYTES, max(ETHERNET_FRAME_BYTES, ETHERNET_FRAME_BYTES * weight // least))


def htb_root(interface: str, why: str) -> Qdisc:
    """The HTB at the root of `interface`. Its options never change: the kernel could not."""
    options = (("default", f"{GATEWAY_MINOR:#x}"),)
    return Qdisc(
        interface=interface, handle=HTB_MAJOR, parent="root", kind="htb", options=options, why=why
    )


def htb_class(
    interface: str,
    number: tuple[int, int],
    *,
    parent: tuple[int, int] = (HTB_MAJOR, 0),
    rate: int,
    ceil: int = 0,
    prio: int = 0,
    quantum: int = ETHERNET_FRAME_BYTES,
    link_layer: LinkLayer = PLAIN_LINK_LAYER,
    why: str,
) -> HtbClass:
    """A class of `rate` and `ceil` (bits per second; the rate unless given), with its bursts."""
    rate, ceil = whole_bytes_rate(rate), whole_bytes_rate(max(rate, ceil))
    return HtbClass(
        interface=interface,
        classid=number,
        parent=parent,
        rate=rate,
        ceil=ceil,
        burst=burst_size(rate, link_layer.frame),
        cburst=burst_size(ceil, link_layer.frame),
        quantum=max(quantum, min(link_layer.frame, MAX_QUANTUM_BYTES)),
        prio=prio,
        overhead=link_layer.overhead,
        mpu=link_layer.mpu,
        why=why,
    )


def leaf_qdisc(
    htb_class: HtbClass,
    *,
    line_rate: int,
    queue: QueueKind,
    hosts: CakeHostMode = CakeHostMode.SOURCE,
) -> Qdisc:
    """The queue of a class on a line of `line_rate` bits per second.

    Its options depend on the line alone: the class's own rate changes with the uplinks' health.
    """
    if queue is QueueKind.CAKE:
        nat = "nat" if hosts is CakeHostMode.SOURCE else "nonat"
        rtt = f"{20 * max(5_000, _frame_time_us(line_rate))}us"
        leaf_options: tuple[tuple[str, int | str], ...] = (
            ("besteffort", ""),
            (hosts.value, ""),
            (nat, ""),
            ("rtt", rtt),
        )
    elif queue is QueueKind.FQ_CODEL:
        leaf_options = (("target", f"{codel_target_us(line_rate)}us"),)
    else:
        leaf_options = (("limit", pfifo_limit(line_rate)),)
    return Qdisc(
        interface=htb_class.interface,
        handle=0,
        parent=htb_class.classid,
        kind=queue,
        options=leaf_options,
        why=phrase(
            "queue of {why}, {fairness}",
            why=as_phrase(htb_class.why),
            fairness=as_phrase(QUEUE_FAIRNESS[queue]),
        ),
    )


def pfifo_limit(line_rate: int) -> int:
    """Packets that a pfifo leaf holds: `PFIFO_QUEUE_MS` of the line, 16 to 1000."""
    return min(1000, max(16, line_rate * PFIFO_QUEUE_MS // (8_000 * ETHERNET_FRAME_BYTES)))


def codel_target_us(line_rate: int) -> int:
    """CoDel's target in microseconds: 5 ms, or one and a half frames' time on a slower line."""
    return kernel_codel_us(max(5_000, _frame_time_us(line_rate)))


def _frame_time_us(line_rate: int) -> int:
    return 12_000_000 * ETHERNET_FRAME_BYTES // line_rate


def kernel_codel_us(microseconds: int) -> int:
    """The value that stands for all those which the kernel cannot tell apart (it counts 1.024 us).

    Source: include/net/codel.h, CODEL_SHIFT.
    """
    return -(-(microseconds * 1000 // 1024) * 1024 // 1000)
