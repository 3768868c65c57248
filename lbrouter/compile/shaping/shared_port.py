"""A line on the LAN's own port (router on a stick): its frames pass the queues of the LAN as well.

A frame has one class, and HTB looks for it in each tree that it passes. So the trees of such a LAN
have numbers of their own: an upload finds no class there, and passes by the default one, which
limits nothing.
"""

from dataclasses import replace

from lbrouter.compile.shaping.htb import HTB_MAJOR, LAN_MAJOR
from lbrouter.compile.shaping.placement import lan_ports
from lbrouter.model.config import Config, Uplink
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import HtbClass, Qdisc


def lan_major(config: Config, facts: Facts) -> int:
    """The major of the trees that downloads pass."""
    ports = lan_ports(config)
    shared = any(port_below(uplink, facts) in ports for uplink in config.uplinks.values())
    return LAN_MAJOR if shared else HTB_MAJOR


def port_below(uplink: Uplink, facts: Facts) -> str:
    """The port that a line's frames leave by: below its tag, whoever made the device."""
    if uplink.vlan is not None:
        return uplink.port
    interface = facts.interfaces.get(uplink.interface)
    return interface.parent if interface is not None and interface.parent else uplink.port


def renumbered(noun: Qdisc | HtbClass, major: int) -> Qdisc | HtbClass:
    """The same qdisc or class in a tree of another major."""
    match noun:
        case HtbClass():
            return replace(noun, classid=(major, noun.classid[1]), parent=(major, noun.parent[1]))
        case Qdisc(parent="root"):
            return replace(noun, handle=major)
        case _:
            return replace(noun, parent=(major, int(noun.parent[1])))
