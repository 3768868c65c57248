"""The VLANs' own subnets, asked before `main` where a provider can put routes into `main`.

On an external line the system takes in what a provider advertises, and pppd adds a route to the
address that the other end gives itself; on a line with `address6 = "auto"` the kernel may have
taken in advertisements before lbrouter came. No such route may stand in front of a VLAN's. On
other lines nothing from outside reaches `main`: then no packet is asked one question more.
"""

from collections.abc import Collection, Iterator

from lbrouter.compile.routing.uplink_addressing import configured_families
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import AddressFamily, Route, Rule
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.reserved_ids import RULE_PRIORITY_VLAN, VLAN_TABLE


def vlan_rules(config: Config) -> Iterator[Rule]:
    """The rule of each family in which `main` can hold what a provider said."""
    for family in _families(config):
        yield Rule(
            family=family,
            priority=RULE_PRIORITY_VLAN,
            table=VLAN_TABLE,
            why=phrase("VLANs are reached before anything that a provider says"),
        )


def vlan_routes(config: Config, facts: Facts, created: Collection[str]) -> Iterator[Route]:
    """The subnet of each VLAN whose device is there, or is made (`created`)."""
    families = _families(config)
    for vlan in config.vlans.values():
        device = config.vlan_device(vlan)
        for own in (vlan.address, vlan.address6):
            if own is None or (device not in facts.interfaces and device not in created):
                continue
            if AddressFamily.of_version(own.version) in families:
                yield Route(
                    table=VLAN_TABLE,
                    destination=own.network,
                    interface=device,
                    source=own.ip,
                    why=phrase("VLAN {vlan}", vlan=vlan.name),
                )


def _families(config: Config) -> tuple[AddressFamily, ...]:
    uplinks = config.uplinks.values()
    found = {
        AddressFamily.V4: any(_is_told_by_others(uplink) for uplink in uplinks),
        AddressFamily.V6: any(_is_told_by_others(uplink) or uplink.auto6 for uplink in uplinks),
    }
    return tuple(f for f in configured_families(config) if found[f] and config.vlans)


def _is_told_by_others(uplink: Uplink) -> bool:
    return uplink.addressing in (Addressing.EXTERNAL, Addressing.PPPOE)
