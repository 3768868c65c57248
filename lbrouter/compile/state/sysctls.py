"""Kernel settings that policy routing over several uplinks needs, and why."""

from collections.abc import Iterator

from lbrouter.compile.routing.uplink_addressing import families
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.kernel_state import Family, Sysctl

FORWARDING = {Family.V4: "net/ipv4/ip_forward", Family.V6: "net/ipv6/conf/all/forwarding"}

RATEMASK = {
    Family.V4: ("net/ipv4/icmp_ratemask", str(1 << 4 | 1 << 11 | 1 << 12)),
    Family.V6: ("net/ipv6/icmp/ratemask", "0,3-127"),
}
"""Kinds of ICMP messages that the kernel limits to one a second for each host: as it does by
itself, but for "destination unreachable", which the ruleset's chain `refuse` bounds."""

_REFUSED = "each flow without an uplink is refused, not one a second"


def sysctls(config: Config, there: frozenset[str]) -> frozenset[Sysctl]:
    """Settings for the namespace, and for each uplink and VLAN device that is `there`."""
    uplinks = [u for u in config.uplinks.values() if u.device in there]
    closed = [u.interface for u in config.uplinks.values() if u.interface != u.device]
    devices = [d for vlan in config.vlans.values() if (d := config.device_of(vlan)) in there]
    return frozenset(
        (
            *_global(config),
            *(setting for uplink in uplinks for setting in _uplink(config, uplink)),
            *(setting for name in closed if name in there for setting in _closed(config, name)),
            *(setting for device in devices for setting in _vlan(config, device)),
        )
    )


def _global(config: Config) -> Iterator[Sysctl]:
    for family in families(config):
        yield Sysctl(path=FORWARDING[family], value="1", why="this box routes")
        yield Sysctl(path=RATEMASK[family][0], value=RATEMASK[family][1], why=_REFUSED)
    yield Sysctl(
        path="net/ipv4/conf/all/src_valid_mark",
        value="1",
        why="the reverse-path check looks a reply up by its mark, as its request was",
    )

    yield Sysctl(
        path="net/netfilter/nf_conntrack_acct",
        value="1",
        why="connections count their bytes: what each client sends and receives",
    )


def _uplink(config: Config, uplink: Uplink) -> Iterator[Sysctl]:
    device = uplink.device
    yield _four(device, "rp_filter", 2, "replies may come by any uplink: loose, not strict")
    yield _four(device, "arp_ignore", 1, "uplinks may share a subnet: answer for your own address")
    yield _four(device, "arp_announce", 2, "uplinks may share a subnet: ask from your own address")
    yield _four(device, "accept_redirects", 0, "an ISP's redirect does not route our packets")
    yield _four(device, "promote_secondaries", 1, "a changed address must not take others along")
    if Family.V6 in families(config):
        yield from _advertisements(uplink)
        yield _six(device, "accept_redirects", 0, "an ISP's redirect does not route our packets")


def _advertisements(uplink: Uplink) -> Iterator[Sysctl]:
    """Whether routers on the line are believed. Addresses and route only where the file says so."""
    heed = uplink.auto6 or uplink.addressing is Addressing.EXTERNAL
    why = "router advertisements count although this box forwards" if heed else "static here"
    yield _six(uplink.device, "accept_ra", 2 if heed else 0, why)
    if uplink.auto6:
        yield _six(uplink.device, "accept_ra_defrtr", 1, "the way out comes by advertisement")
        yield _six(uplink.device, "accept_ra_pinfo", 1, "the prefix comes by advertisement")
        yield _six(uplink.device, "autoconf", 1, "the address is formed under the prefix")


def _closed(config: Config, port: str) -> Iterator[Sysctl]:
    """The Ethernet port below a PPPoE line, which carries no IP of ours."""
    if Family.V6 in families(config):
        yield _six(port, "accept_ra", 0, "the line is the session above; nobody routes here")


def _vlan(config: Config, device: str) -> Iterator[Sysctl]:
    yield _four(device, "accept_redirects", 0, "a client's redirect does not route our packets")
    yield _four(device, "promote_secondaries", 1, "a changed address must not take others along")
    if Family.V6 in families(config):
        yield _six(device, "accept_ra", 0, "on a VLAN, this box is the router")


def _four(device: str, name: str, value: int, why: str) -> Sysctl:
    return Sysctl(path=f"net/ipv4/conf/{device}/{name}", value=str(value), why=why)


def _six(device: str, name: str, value: int, why: str) -> Sysctl:
    return Sysctl(path=f"net/ipv6/conf/{device}/{name}", value=str(value), why=why)
