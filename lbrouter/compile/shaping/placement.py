"""Where trees stand, and which queues stand in them: what this kernel has, and what it costs."""

from collections.abc import Iterable, Iterator
from typing import Final

from lbrouter.compile.shaping.class_trees import Plot
from lbrouter.compile.shaping.htb import FRAME, Hosts, Queue
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts

ETHERNET_HEADER: Final = 14

MOST_CAKES: Final = 128
"""Pairs of uplink and VLAN up to which each gets CAKE, on both ways: a CAKE takes some 700 kB."""

NO_FAIR_QUEUE: Final = (
    "this kernel has neither CAKE nor fq_codel (modules sch_cake, sch_fq_codel): queues are first"
    " in, first out, so that one client's flood delays the others of its VLAN"
)
TOO_MANY: Final = (
    f"more than {MOST_CAKES} pairs of uplink and VLAN: queues are fq_codel instead of CAKE, which"
    " would take a gigabyte; they are fair between connections, not between clients"
)


def queue_for(config: Config, facts: Facts) -> Queue:
    """The queue of each (uplink, VLAN): the best that the kernel has and the memory allows."""
    if Queue.CAKE in facts.features and not _too_many(config):
        return Queue.CAKE
    return plain_queue(facts)


def plain_queue(facts: Facts) -> Queue:
    """The queue of the gateway's own traffic, where there are no clients to be fair to."""
    return Queue.FQ_CODEL if Queue.FQ_CODEL in facts.features else Queue.PFIFO


def doubts(config: Config, facts: Facts) -> Iterator[str]:
    """What the queues cannot do here, one sentence each."""
    if queue_for(config, facts) is Queue.PFIFO:
        yield NO_FAIR_QUEUE
    elif Queue.CAKE in facts.features and _too_many(config):
        yield TOO_MANY


def _too_many(config: Config) -> bool:
    return len(config.uplinks) * len(config.vlans) > MOST_CAKES


def upload_plot(config: Config, facts: Facts, interface: str, passing: Iterable[str]) -> Plot:
    """A tree for uploads on `interface`, where frames for the interfaces `passing` pass."""
    return _plot(config, facts, interface, passing, Hosts.SOURCE)


def download_plot(config: Config, facts: Facts, interface: str) -> Plot:
    """A tree for downloads on `interface`: a VLAN's device has the MTU of its trunk."""
    return _plot(config, facts, interface, lan_ports(config), Hosts.DESTINATION)


def lan_ports(config: Config) -> frozenset[str]:
    """The interfaces inside, without VLAN devices: the trunk, and ports of their own."""
    trunk = config.lan.trunk if config.lan is not None else ""
    return frozenset(vlan.port or trunk for vlan in config.vlans.values())


def _plot(
    config: Config, facts: Facts, interface: str, passing: Iterable[str], hosts: Hosts
) -> Plot:
    there = [facts.interfaces[name] for name in passing if name in facts.interfaces]
    ppp = bool(there) and all(each.kind == "ppp" for each in there)
    counted = 0 if ppp else ETHERNET_HEADER
    return Plot(
        interface=interface,
        queue=queue_for(config, facts),
        plain=plain_queue(facts),
        hosts=hosts,
        counted=counted,
        frame=max([FRAME, *(each.mtu + ETHERNET_HEADER for each in there)]),
    )
