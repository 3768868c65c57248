"""HTB's own arithmetic: class numbers, and rates and bursts that survive the kernel's rounding.

The kernel keeps rates in bytes per second and bursts as a time; `observe` reads them back. So only
values that come back unchanged are ever asked for, else each `apply` would change something.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lbrouter.model.kernel_state import HtbClass, Qdisc

MAJOR: Final = 0x4C01
"""Handle of each HTB of ours. All trees carry the same one: a packet is classified once, by one
map, and finds its class in every tree that it passes (a VLAN's ceiling first, then the line)."""

OWN: Final = 0x0FFE
"""Minor of the default class: what no map classified, which is the gateway's own traffic."""

LOCAL: Final = 0x0FFD
"""Minor of the class for traffic between VLANs, on the LAN side."""

FLOOR: Final = 8_000
"""The least rate of a class, in bits per second: what a VLAN without a guarantee gets when every
other one takes its own."""

UNLIMITED: Final = 100_000_000_000
"""A rate that limits nothing, in bits per second: the most that the file accepts for a line."""

FRAME: Final = 1514
"""An Ethernet frame of a 1500-byte packet, as HTB counts it."""

QUANTUM_MAX: Final = 60_000
"""Beyond it one class holds up the others: at 10 Mbit/s this is 48 ms already."""

LOWEST_PRIORITY: Final = 7
"""HTB knows eight priorities, 0 (first) to 7. Ours: 0 the gateway itself, 1 to 7 the VLANs."""

FAST: Final = 400_000_000
"""From here on (a line of 500 Mbit/s, less headroom) a burst of 1 ms costs throughput: timers are
not that exact."""

QUEUE_MS: Final = 50
"""Time that a pfifo leaf holds at the line's rate."""


class Queue(StrEnum):
    """What stands in a class, the best first."""

    CAKE = "cake"
    FQ_CODEL = "fq_codel"
    PFIFO = "pfifo"


FAIR: Final = {
    Queue.CAKE: "fair between clients",
    Queue.FQ_CODEL: "fair between connections",
    Queue.PFIFO: "first in, first out",
}


class Hosts(StrEnum):
    """Which end of a packet is the client: its source on the way up (as it was before NAT)."""

    SOURCE = "dual-srchost"
    DESTINATION = "dual-dsthost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """What HTB counts on a line: bytes on top of each packet, the least, and the largest frame."""

    overhead: int = 0
    mpu: int = 0
    frame: int = FRAME


PLAIN: Final = Wire()


def classid(*, uplink: int = 0, vlan: int = 0) -> tuple[int, int]:
    """Class of (uplink, VLAN) by their remembered numbers: minor = uplink << 12 | vlan.

    VLAN 0 is the uplink as a whole, uplink 0 the VLAN over all uplinks. VLAN numbers end at 4000
    (0xfa0), so 0xffd and 0xffe stay free for `LOCAL` and `OWN`.
    """
    return (MAJOR, uplink << 12 | vlan)


def classid_text(number: tuple[int, int]) -> str:
    """A class as nft and tc print it, without leading zeros: "4c01:1012"."""
    return f"{number[0]:x}:{number[1]:x}"


def whole(rate: int) -> int:
    """`rate` (bits per second) rounded down to whole bytes per second."""
    return rate // 8 * 8


def burst(rate: int, frame: int = FRAME) -> int:
    """Bytes that a class of `rate` (bits per second) may send at once, in whole microseconds.

    1 ms of its rate (2 ms from `FAST` on), two frames at least.
    """
    milliseconds = 2 if rate >= FAST else 1
    return burst_bytes(rate, burst_us(rate, max(2 * frame, rate // 8 * milliseconds // 1000)))


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


def quantum(weight: int, least: int) -> int:
    """Bytes per round for a class of `weight`, when the lightest class weighs `least`.

    Classes of one priority divide what is left over in proportion to their quanta. The kernel's own
    (a tenth of the rate) reaches 200 kB from 16 Mbit/s up: a second for a small class.
    """
    if weight <= 0 or least <= 0:
        return FRAME
    return min(QUANTUM_MAX, max(FRAME, FRAME * weight // least))


def htb(interface: str, why: str) -> Qdisc:
    """The HTB at the root of `interface`. Its options never change: the kernel could not."""
    options = (("default", f"{OWN:#x}"),)
    return Qdisc(
        interface=interface, handle=MAJOR, parent="root", kind="htb", options=options, why=why
    )


def htb_class(
    interface: str,
    number: tuple[int, int],
    *,
    parent: tuple[int, int] = (MAJOR, 0),
    rate: int,
    ceil: int = 0,
    prio: int = 0,
    quantum: int = FRAME,
    wire: Wire = PLAIN,
    why: str,
) -> HtbClass:
    """A class of `rate` and `ceil` (bits per second; the rate unless given), with its bursts."""
    rate, ceil = whole(rate), whole(max(rate, ceil))
    return HtbClass(
        interface=interface,
        classid=number,
        parent=parent,
        rate=rate,
        ceil=ceil,
        burst=burst(rate, wire.frame),
        cburst=burst(ceil, wire.frame),
        quantum=max(quantum, min(wire.frame, QUANTUM_MAX)),
        prio=prio,
        overhead=wire.overhead,
        mpu=wire.mpu,
        why=why,
    )


def leaf(htb_class: HtbClass, *, line: int, queue: Queue, hosts: Hosts = Hosts.SOURCE) -> Qdisc:
    """The queue of a class on a line of `line` bits per second.

    Its options hang on the line alone: the class's own rate moves with the uplinks' health.
    """
    return Qdisc(
        interface=htb_class.interface,
        handle=0,
        parent=htb_class.classid,
        kind=queue,
        options=_options(line, queue, hosts),
        why=f"queue of {htb_class.why}, {FAIR[queue]}",
    )


def _options(line: int, queue: Queue, hosts: Hosts) -> tuple[tuple[str, int | str], ...]:
    if queue is Queue.CAKE:
        nat = "nat" if hosts is Hosts.SOURCE else "nonat"
        rtt = f"{20 * max(5_000, _frames_us(line))}us"
        return (("besteffort", ""), (hosts.value, ""), (nat, ""), ("rtt", rtt))
    if queue is Queue.FQ_CODEL:
        return (("target", f"{codel_target(line)}us"),)
    return (("limit", depth(line)),)


def depth(line: int) -> int:
    """Packets that a pfifo leaf holds: `QUEUE_MS` of the line, 16 to 1000."""
    return min(1000, max(16, line * QUEUE_MS // (8_000 * FRAME)))


def codel_target(line: int) -> int:
    """CoDel's target in microseconds: 5 ms, or one and a half frames' time on a slower line."""
    return codel_us(max(5_000, _frames_us(line)))


def _frames_us(line: int) -> int:
    return 12_000_000 * FRAME // line


def codel_us(microseconds: int) -> int:
    """The value that stands for all those which the kernel cannot tell apart (it counts 1.024 us).

    Source: include/net/codel.h, CODEL_SHIFT.
    """
    return -(-(microseconds * 1000 // 1024) * 1024 // 1000)
