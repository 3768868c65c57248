"""Where class trees are placed, and which queues they use: by kernel features and memory."""

from collections.abc import Iterable, Iterator
from typing import Final

from lbrouter.compile.shaping.class_trees import QdiscPlacement
from lbrouter.compile.shaping.htb import ETHERNET_FRAME_BYTES, CakeHostMode, QueueKind
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts
from lbrouter.model.messages.phrase import phrase

ETHERNET_HEADER_BYTES: Final = 14

MAX_CAKE_QUEUES: Final = 128
"""Pairs of uplink and VLAN up to which each gets CAKE, on both ways: a CAKE takes some 700 kB."""

NO_FAIR_QUEUE_WARNING: Final = phrase(
    "this kernel has neither CAKE nor fq_codel (modules sch_cake, sch_fq_codel): queues are first"
    " in, first out, so that one client's flood delays the others of its VLAN"
)
TOO_MANY_CAKES_WARNING: Final = phrase(
    "more than {most} pairs of uplink and VLAN: queues are fq_codel instead of CAKE, which"
    " would take a gigabyte; they are fair between connections, not between clients",
    most=MAX_CAKE_QUEUES,
)


def client_queue(config: Config, facts: Facts) -> QueueKind:
    """The queue of each (uplink, VLAN): the best that the kernel has and the memory allows."""
    if QueueKind.CAKE in facts.features and not _too_many_cakes(config):
        return QueueKind.CAKE
    return gateway_queue(facts)


def gateway_queue(facts: Facts) -> QueueKind:
    """The queue of the gateway's own traffic, where there are no clients to be fair to."""
    return QueueKind.FQ_CODEL if QueueKind.FQ_CODEL in facts.features else QueueKind.PFIFO


def warnings(config: Config, facts: Facts) -> Iterator[str]:
    """What the queues cannot do here, one sentence each."""
    if client_queue(config, facts) is QueueKind.PFIFO:
        yield NO_FAIR_QUEUE_WARNING
    elif QueueKind.CAKE in facts.features and _too_many_cakes(config):
        yield TOO_MANY_CAKES_WARNING


def _too_many_cakes(config: Config) -> bool:
    return len(config.uplinks) * len(config.vlans) > MAX_CAKE_QUEUES


def upload_placement(
    config: Config, facts: Facts, interface: str, passing: Iterable[str]
) -> QdiscPlacement:
    """A tree for uploads on `interface`, where frames for the interfaces `passing` pass."""
    return _placement(config, facts, interface, passing, CakeHostMode.SOURCE)


def download_placement(config: Config, facts: Facts, interface: str) -> QdiscPlacement:
    """A tree for downloads on `interface`: a VLAN's device has the MTU of its trunk."""
    return _placement(config, facts, interface, lan_ports(config), CakeHostMode.DESTINATION)


def lan_ports(config: Config) -> frozenset[str]:
    """The interfaces inside, without VLAN devices: the trunk, and ports of their own."""
    trunk = config.lan.trunk if config.lan is not None else ""
    return frozenset(vlan.port or trunk for vlan in config.vlans.values())


def _placement(
    config: Config, facts: Facts, interface: str, passing: Iterable[str], hosts: CakeHostMode
) -> QdiscPlacement:
    there = [facts.interfaces[name] for name in passing if name in facts.interfaces]
    ppp = bool(there) and all(interface.kind == "ppp" for interface in there)
    counted = 0 if ppp else ETHERNET_HEADER_BYTES
    return QdiscPlacement(
        interface=interface,
        client_queue=client_queue(config, facts),
        gateway_queue=gateway_queue(facts),
        hosts=hosts,
        counted_header_bytes=counted,
        max_frame_bytes=max(
            [ETHERNET_FRAME_BYTES, *(interface.mtu + ETHERNET_HEADER_BYTES for interface in there)]
        ),
    )
