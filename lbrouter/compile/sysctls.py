"""Kernel settings that policy routing over several uplinks needs, and why."""

from collections.abc import Iterator

from lbrouter.compile.ports import families
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.state import Family, Sysctl

FORWARDING = {Family.V4: "net/ipv4/ip_forward", Family.V6: "net/ipv6/conf/all/forwarding"}


def sysctls(config: Config, there: frozenset[str]) -> frozenset[Sysctl]:
    """Settings for the namespace, and for each uplink and VLAN device that is `there`."""
    uplinks = [u for u in config.uplinks.values() if u.interface in there]
    devices = [d for vlan in config.vlans.values() if (d := config.device_of(vlan)) in there]
    return frozenset(
        (
            *_global(config),
            *(setting for uplink in uplinks for setting in _uplink(config, uplink)),
            *(setting for device in devices for setting in _vlan(config, device)),
        )
    )


def _global(config: Config) -> Iterator[Sysctl]:
    for family in families(config):
        yield Sysctl(path=FORWARDING[family], value="1", why="this box routes")
    yield Sysctl(
        path="net/ipv4/conf/all/src_valid_mark",
        value="1",
        why="the reverse-path check looks a reply up by its mark, as its request was",
    )


def _uplink(config: Config, uplink: Uplink) -> Iterator[Sysctl]:
    device = uplink.interface
    yield _four(device, "rp_filter", 2, "replies may come by any uplink: loose, not strict")
    yield _four(device, "arp_ignore", 1, "uplinks may share a subnet: answer for your own address")
    yield _four(device, "arp_announce", 2, "uplinks may share a subnet: ask from your own address")
    yield _four(device, "accept_redirects", 0, "an ISP's redirect does not route our packets")
    yield _four(device, "promote_secondaries", 1, "a changed address must not take others along")
    if Family.V6 in families(config):
        heed = 2 if uplink.addressing is Addressing.EXTERNAL else 0
        why = "router advertisements count although this box forwards" if heed else "static here"
        yield _six(device, "accept_ra", heed, why)
        yield _six(device, "accept_redirects", 0, "an ISP's redirect does not route our packets")


def _vlan(config: Config, device: str) -> Iterator[Sysctl]:
    yield _four(device, "accept_redirects", 0, "a client's redirect does not route our packets")
    yield _four(device, "promote_secondaries", 1, "a changed address must not take others along")
    if Family.V6 in families(config):
        yield _six(device, "accept_ra", 0, "on a VLAN, this box is the router")


def _four(device: str, name: str, value: int, why: str) -> Sysctl:
    return Sysctl(path=f"net/ipv4/conf/{device}/{name}", value=str(value), why=why)


def _six(device: str, name: str, value: int, why: str) -> Sysctl:
    return Sysctl(path=f"net/ipv6/conf/{device}/{name}", value=str(value), why=why)
