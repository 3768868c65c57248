"""The class trees, as qdiscs and classes: a line shared by VLANs, and a VLAN's ceiling over lines.

Upload, at each uplink's egress: the uplink; in it the VLANs, and the gateway's own traffic.
Download, at the trunk or an IFB: each uplink, in it the VLANs; beside them own and local traffic.
Ceilings, at an IFB before the uplinks (upload) and at the VLAN's own device (download): each VLAN,
in it the uplinks; beside them all that has no ceiling there, which passes freely.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lbrouter.compile.shaping.demand import UplinkRate, VlanClass
from lbrouter.compile.shaping.guarantees import UplinkVlan
from lbrouter.compile.shaping.htb import (
    ETHERNET_FRAME_BYTES,
    GATEWAY_MINOR,
    HTB_LOWEST_PRIORITY,
    HTB_MAJOR,
    LOCAL_TRAFFIC_MINOR,
    UNLIMITED_RATE_BPS,
    CakeHostMode,
    LinkLayer,
    QueueKind,
    classid,
    htb_class,
    htb_root,
    leaf_qdisc,
    whole_bytes_rate,
)
from lbrouter.model.kernel_state import HtbClass, Qdisc
from lbrouter.model.messages.phrase import phrase

ShapingNouns = Iterator[Qdisc | HtbClass]


@dataclass(frozen=True, slots=True, kw_only=True)
class QdiscPlacement:
    """Where a tree is: the interface, the queues of clients and of the gateway, and which end of a
    packet is a client's. `counted_header_bytes` is the header that the kernel counts.
    """

    interface: str
    client_queue: QueueKind
    gateway_queue: QueueKind
    hosts: CakeHostMode
    counted_header_bytes: int
    max_frame_bytes: int = ETHERNET_FRAME_BYTES

    def link_layer(self, uplink: UplinkRate | None = None) -> LinkLayer:
        """What HTB counts here, on a line."""
        if uplink is None or uplink.overhead is None:
            return LinkLayer(frame=self.max_frame_bytes)
        overhead = uplink.overhead.extra_bytes(self.counted_header_bytes)
        return LinkLayer(
            overhead=overhead, mpu=uplink.overhead.min_packet_bytes, frame=self.max_frame_bytes
        )


def uplink_tree(
    placement: QdiscPlacement,
    uplink: UplinkRate,
    vlans: Iterable[VlanClass],
    rates: Mapping[UplinkVlan, int],
    *,
    gateway_rate: int,
) -> ShapingNouns:
    """Upload: the line at its own egress. `gateway_rate` (bit/s) is the gateway's guarantee."""
    yield htb_root(placement.interface, phrase("upload of uplink {uplink}", uplink=uplink.name))
    yield _uplink_class(placement, uplink)
    root = classid(uplink=uplink.number)
    default = htb_class(
        placement.interface,
        (HTB_MAJOR, GATEWAY_MINOR),
        parent=root,
        rate=gateway_rate,
        ceil=uplink.rate,
        link_layer=placement.link_layer(uplink),
        why=phrase("the gateway's own traffic: probes, ARP, DNS"),
    )
    yield from _with_leaf(placement, default, uplink.rate, placement.gateway_queue)
    yield from _vlan_class_nouns(placement, uplink, vlans, rates)


def lan_tree(
    placement: QdiscPlacement,
    uplinks: Sequence[UplinkRate],
    vlans: Sequence[VlanClass],
    rates: Mapping[UplinkVlan, int],
) -> ShapingNouns:
    """Download: all uplinks where they meet on the way to the LAN."""
    yield htb_root(placement.interface, phrase("download of the uplinks"))
    yield from _unlimited_class(
        placement, GATEWAY_MINOR, prio=0, why=phrase("the gateway's own traffic")
    )
    yield from _unlimited_class(
        placement,
        LOCAL_TRAFFIC_MINOR,
        prio=HTB_LOWEST_PRIORITY,
        why=phrase("traffic between VLANs"),
    )
    for line in uplinks:
        yield _uplink_class(placement, line)
        yield from _vlan_class_nouns(placement, line, vlans, rates)


def ceiling_tree(
    placement: QdiscPlacement,
    uplinks: Sequence[UplinkRate],
    vlans: Iterable[VlanClass],
    *,
    why: str,
) -> ShapingNouns:
    """Each VLAN's ceiling over all uplinks; what has no class here passes freely."""
    yield htb_root(placement.interface, why)
    yield from _unlimited_class(
        placement, GATEWAY_MINOR, prio=0, why=phrase("all that has no ceiling here")
    )
    for vlan in vlans:
        top = classid(vlan=vlan.number)
        yield htb_class(
            placement.interface, top, rate=vlan.ceiling, link_layer=placement.link_layer(),
            why=phrase("ceiling of VLAN {vlan}", vlan=vlan.name),
        )  # fmt: skip
        for line in uplinks:
            new_class = htb_class(
                placement.interface,
                classid(uplink=line.number, vlan=vlan.number),
                parent=top,
                rate=whole_bytes_rate(vlan.ceiling // len(uplinks)),
                ceil=vlan.ceiling,
                prio=vlan.prio,
                link_layer=placement.link_layer(),
                why=phrase(
                    "VLAN {vlan} over {line}, below the VLAN's ceiling",
                    vlan=vlan.name,
                    line=line.name,
                ),
            )
            yield from _with_leaf(placement, new_class, vlan.ceiling, placement.client_queue)


def _uplink_class(placement: QdiscPlacement, uplink: UplinkRate) -> HtbClass:
    """An inner class has no queue, so its priority and quantum mean nothing."""
    return htb_class(
        placement.interface, classid(uplink=uplink.number), rate=uplink.rate,
        link_layer=placement.link_layer(uplink),
        why=phrase("line of uplink {uplink}, less headroom", uplink=uplink.name),
    )  # fmt: skip


def _vlan_class_nouns(
    placement: QdiscPlacement,
    uplink: UplinkRate,
    vlans: Iterable[VlanClass],
    rates: Mapping[UplinkVlan, int],
) -> ShapingNouns:
    for vlan in vlans:
        new_class = htb_class(
            placement.interface,
            classid(uplink=uplink.number, vlan=vlan.number),
            parent=classid(uplink=uplink.number),
            rate=rates[uplink.name, vlan.name],
            ceil=min(vlan.ceiling or uplink.rate, uplink.rate),
            prio=vlan.prio,
            quantum=vlan.quantum,
            link_layer=placement.link_layer(uplink),
            why=phrase(
                "{label} over {uplink}",
                label=vlan.label or phrase("VLAN {vlan}", vlan=vlan.name),
                uplink=uplink.name,
            ),
        )
        yield from _with_leaf(placement, new_class, uplink.rate, placement.client_queue)


def _unlimited_class(placement: QdiscPlacement, minor: int, *, prio: int, why: str) -> ShapingNouns:
    new_class = htb_class(
        placement.interface,
        (HTB_MAJOR, minor),
        rate=UNLIMITED_RATE_BPS,
        prio=prio,
        link_layer=placement.link_layer(),
        why=why,
    )
    yield from _with_leaf(placement, new_class, UNLIMITED_RATE_BPS, placement.gateway_queue)


def _with_leaf(
    placement: QdiscPlacement, htb_class: HtbClass, line_rate: int, queue: QueueKind
) -> ShapingNouns:
    yield htb_class
    yield leaf_qdisc(htb_class, line_rate=line_rate, queue=queue, hosts=placement.hosts)
