"""Forwards and maps (1:1): the chains that translate, and the elements of their maps.

From outside the uplink's interface tells which public address was meant, so this holds for an
address that is not known yet. From inside the address itself does (`inside_...`).
"""

from collections.abc import Iterator
from typing import Final

from lbrouter.compile.firewall.element_words import (
    NFT_ADDRESS_TYPES,
    collapsed,
    network_word,
)
from lbrouter.compile.firewall.templates import render_fragment
from lbrouter.compile.routing.uplink_addressing import uplink_nexthop
from lbrouter.model.config import ANY_UPLINK, Config, Forward, ForwardProtocol
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import AddressFamily, NftElements

Elements = dict[str, dict[str, str]]
"""Key and value of each element, by the name of its set or map. Of two alike the first counts."""


FORWARD_SETS: Final = ("port_forward", "range_forward", "bounded_forward", "forward_source")
SETS_AND_MAPS: Final = (
    "public_host",
    "host_public",
    "inside_host",
    *FORWARD_SETS,
    *(f"inside_{name}" for name in FORWARD_SETS),
)
"""Those of one family; the version of the family stands behind each name."""


OWN_SERVICE_SETS: Final = ("own_service", "inside_own_service")


def is_offered(config: Config) -> bool:
    """Whether anything inside can be reached from outside."""
    return bool(config.forwards or config.maps)


def structure(config: Config) -> Iterator[str]:
    """The chains and maps of both families; nothing for a file that offers nothing."""
    if not is_offered(config):
        return
    for family in AddressFamily:
        fragments = ["public-services", *(["own-services"] if own_services(config) else [])]
        for fragment in fragments:
            yield render_fragment(
                fragment,
                family=family,
                version=family.version,
                address_type=NFT_ADDRESS_TYPES[family],
            )


def elements(config: Config, facts: Facts) -> dict[str, NftElements]:
    """The elements, by the name of the set or map."""
    if not is_offered(config):
        return {}
    found: Elements = {f"{name}{f.version}": {} for f in AddressFamily for name in SETS_AND_MAPS}
    _add_maps(config, found)
    own = own_services(config)
    if own:
        found |= {f"{name}{f.version}": {} for f in AddressFamily for name in OWN_SERVICE_SETS}
    for forward in config.forwards:
        version = forward.to.address.version
        for name in uplinks_of_forward(config, forward):
            uplink = config.uplinks[name]
            _add_forward(forward, uplink.device, "", found, own=forward in own)
            nexthop = uplink_nexthop(uplink, AddressFamily.of_version(version), facts)
            if nexthop is not None:
                place = str(nexthop.address.ip)
                _add_forward(forward, place, "inside_", found, own=forward in own)
    return {name: frozenset(pairs.items()) for name, pairs in found.items()}


def own_services(config: Config) -> list[Forward]:
    """Forwards by UDP to the gateway itself, which keep their port."""
    own = {a.ip for vlan in config.vlans.values() for a in (vlan.address, vlan.address6) if a}
    return [
        forward
        for forward in config.forwards
        if forward.protocol is ForwardProtocol.UDP
        and forward.keeps_ports
        and forward.to.address in own
    ]


def uplinks_of_forward(config: Config, forward: Forward) -> list[str]:
    """The uplinks by which a forward is reached."""
    return [*config.uplinks] if forward.uplink == ANY_UPLINK else [forward.uplink]


def _add_maps(config: Config, found: Elements) -> None:
    for entry in config.maps:
        version = entry.public.version
        device = config.uplinks[entry.uplink].device
        found[f"public_host{version}"][f"{device} . {entry.public}"] = str(entry.to)
        found[f"host_public{version}"][f"{device} . {entry.to}"] = str(entry.public)
        found[f"inside_host{version}"].setdefault(str(entry.public), str(entry.to))


def _add_forward(forward: Forward, place: str, prefix: str, found: Elements, *, own: bool) -> None:
    """The elements of a forward where it is reached: by an interface, or by an address."""
    version = forward.to.address.version
    key = f"{place} . {forward.protocol} . {forward.port}"
    if forward.port.is_single:
        port = forward.to.port or forward.port.start
        value = f"{forward.to.address} . {port}"
        taken = found[f"{prefix}port_forward{version}"].setdefault(key, value) != value
    else:
        value = str(forward.to.address)
        taken = found[f"{prefix}range_forward{version}"].setdefault(key, value) != value
    if own and not taken:
        found[f"{prefix}own_service{version}"][key] = ""
    if forward.sources and not taken:
        found[f"{prefix}bounded_forward{version}"][key] = ""
        networks = collapsed(n for n in forward.sources if n.version == version)
        for network in networks:
            found[f"{prefix}forward_source{version}"][f"{key} . {network_word(network)}"] = ""
