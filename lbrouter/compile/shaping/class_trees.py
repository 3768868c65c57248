"""The class trees, as qdiscs and classes: a line shared by VLANs, and a VLAN's ceiling over lines.

Upload, at each uplink's egress: the uplink; in it the VLANs, and the gateway's own traffic.
Download, at the trunk or an IFB: each uplink, in it the VLANs; beside them own and local traffic.
Ceilings, at an IFB before the uplinks (upload) and at the VLAN's own device (download): each VLAN,
in it the uplinks; beside them all that has no ceiling there, which passes freely.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lbrouter.compile.shaping.guarantees import Pair
from lbrouter.compile.shaping.htb import (
    FRAME,
    LOCAL,
    LOWEST_PRIORITY,
    MAJOR,
    OWN,
    UNLIMITED,
    Hosts,
    Queue,
    Wire,
    classid,
    htb,
    htb_class,
    leaf,
    whole,
)
from lbrouter.model.kernel_state import HtbClass, Qdisc
from lbrouter.model.link_overhead import Overhead

Nouns = Iterator[Qdisc | HtbClass]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An uplink in one direction: its number, its rate less headroom in bits per second, and what
    it adds to each packet.
    """

    name: str
    number: int
    rate: int
    overhead: Overhead | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A VLAN in one direction. `ceiling` 0 = none; `prio` and `quantum` as HTB takes them."""

    name: str
    number: int
    ceiling: int
    prio: int
    quantum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Where a tree stands: the interface, the queues of clients and of the gateway, and which end
    of a packet is a client's. `counted` and `frame`: the header that the kernel counts, and the
    largest frame, in bytes.
    """

    interface: str
    queue: Queue
    plain: Queue
    hosts: Hosts
    counted: int
    frame: int = FRAME

    def wire(self, line: Line | None = None) -> Wire:
        """What HTB counts here, on a line."""
        if line is None or line.overhead is None:
            return Wire(frame=self.frame)
        overhead = line.overhead.on_top(self.counted)
        return Wire(overhead=overhead, mpu=line.overhead.least, frame=self.frame)


def uplink_tree(
    plot: Plot, line: Line, lanes: Iterable[Lane], rates: Mapping[Pair, int], *, own: int
) -> Nouns:
    """Upload: the line at its own egress. `own` bits per second are the gateway's guarantee."""
    yield htb(plot.interface, f"upload of uplink {line.name}")
    yield _whole_line(plot, line)
    root = classid(uplink=line.number)
    default = htb_class(
        plot.interface, (MAJOR, OWN), parent=root, rate=own, ceil=line.rate,
        wire=plot.wire(line), why="the gateway's own traffic: probes, ARP, DNS",
    )  # fmt: skip
    yield from _with_leaf(plot, default, line.rate, plot.plain)
    yield from _lanes(plot, line, lanes, rates)


def lan_tree(
    plot: Plot, lines: Sequence[Line], lanes: Sequence[Lane], rates: Mapping[Pair, int]
) -> Nouns:
    """Download: all lines where they meet on the way to the LAN."""
    yield htb(plot.interface, "download of the uplinks")
    yield from _open_class(plot, OWN, prio=0, why="the gateway's own traffic")
    yield from _open_class(plot, LOCAL, prio=LOWEST_PRIORITY, why="traffic between VLANs")
    for line in lines:
        yield _whole_line(plot, line)
        yield from _lanes(plot, line, lanes, rates)


def ceiling_tree(plot: Plot, lines: Sequence[Line], lanes: Iterable[Lane], *, why: str) -> Nouns:
    """Each lane's ceiling over all lines; what has no class here passes freely."""
    yield htb(plot.interface, why)
    yield from _open_class(plot, OWN, prio=0, why="all that has no ceiling here")
    for lane in lanes:
        top = classid(vlan=lane.number)
        yield htb_class(
            plot.interface, top, rate=lane.ceiling, wire=plot.wire(),
            why=f"ceiling of VLAN {lane.name}",
        )  # fmt: skip
        for line in lines:
            each = htb_class(
                plot.interface, classid(uplink=line.number, vlan=lane.number), parent=top,
                rate=whole(lane.ceiling // len(lines)), ceil=lane.ceiling, prio=lane.prio,
                wire=plot.wire(),
                why=f"VLAN {lane.name} over {line.name}, below the VLAN's ceiling",
            )  # fmt: skip
            yield from _with_leaf(plot, each, lane.ceiling, plot.queue)


def _whole_line(plot: Plot, line: Line) -> HtbClass:
    """An inner class has no queue, so its priority and quantum mean nothing."""
    return htb_class(
        plot.interface, classid(uplink=line.number), rate=line.rate,
        wire=plot.wire(line), why=f"line of uplink {line.name}, less headroom",
    )  # fmt: skip


def _lanes(plot: Plot, line: Line, lanes: Iterable[Lane], rates: Mapping[Pair, int]) -> Nouns:
    for lane in lanes:
        each = htb_class(
            plot.interface, classid(uplink=line.number, vlan=lane.number),
            parent=classid(uplink=line.number), rate=rates[line.name, lane.name],
            ceil=min(lane.ceiling or line.rate, line.rate), prio=lane.prio, quantum=lane.quantum,
            wire=plot.wire(line), why=f"VLAN {lane.name} over {line.name}",
        )  # fmt: skip
        yield from _with_leaf(plot, each, line.rate, plot.queue)


def _open_class(plot: Plot, minor: int, *, prio: int, why: str) -> Nouns:
    each = htb_class(
        plot.interface, (MAJOR, minor), rate=UNLIMITED, prio=prio, wire=plot.wire(), why=why
    )
    yield from _with_leaf(plot, each, UNLIMITED, plot.plain)


def _with_leaf(plot: Plot, each: HtbClass, line: int, queue: Queue) -> Nouns:
    yield each
    yield leaf(each, line=line, queue=queue, hosts=plot.hosts)
