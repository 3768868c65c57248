"""Kernel settings that policy routing over several uplinks needs, and why."""

from collections.abc import Iterator
from typing import Final

from lbrouter.compile.routing.uplink_addressing import configured_families
from lbrouter.compile.shaping.placement import lan_ports
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.kernel_state import AddressFamily, Sysctl
from lbrouter.model.messages.phrase import phrase

FORWARDING_SYSCTLS = {
    AddressFamily.V4: "net/ipv4/ip_forward",
    AddressFamily.V6: "net/ipv6/conf/all/forwarding",
}

ICMP_RATEMASK_SYSCTLS = {
    AddressFamily.V4: ("net/ipv4/icmp_ratemask", str(1 << 4 | 1 << 11 | 1 << 12)),
    AddressFamily.V6: ("net/ipv6/icmp/ratemask", "0,3-127"),
}
"""Kinds of ICMP messages that the kernel limits to one a second for each host: as it does by
itself, but for "destination unreachable", which the ruleset's chain `reject_limited` bounds."""

_ICMP_RATEMASK_WHY = phrase("each flow without an uplink is refused, not one a second")


TCP_IDLE_TIMEOUT_S: Final = 7440
"""The least that RFC 5382 (REQ-5) asks of a NAT for an established connection that is silent."""


def sysctls(config: Config, there: frozenset[str]) -> frozenset[Sysctl]:
    """Settings for the namespace, and for each uplink and VLAN device that is `there`."""
    uplinks = [u for u in config.uplinks.values() if u.device in there]
    used = {u.device for u in config.uplinks.values()} | lan_ports(config)
    closed = {name for u in config.uplinks.values() for name in (u.port, u.interface)} - used
    devices = [d for vlan in config.vlans.values() if (d := config.vlan_device(vlan)) in there]
    return frozenset(
        (
            *_global(config),
            *(setting for uplink in uplinks for setting in _uplink(config, uplink)),
            *(setting for name in closed & there for setting in _closed_port(config, name)),
            *(setting for device in devices for setting in _vlan(config, device)),
        )
    )


def _global(config: Config) -> Iterator[Sysctl]:
    for family in configured_families(config):
        yield Sysctl(
            path=FORWARDING_SYSCTLS[family], value="1", why=phrase("this machine forwards packets")
        )
        yield Sysctl(
            path=ICMP_RATEMASK_SYSCTLS[family][0],
            value=ICMP_RATEMASK_SYSCTLS[family][1],
            why=_ICMP_RATEMASK_WHY,
        )
    yield Sysctl(
        path="net/ipv4/conf/all/src_valid_mark",
        value="1",
        why=phrase("the reverse-path check looks a reply up by its mark, as its request was"),
    )

    yield Sysctl(
        path="net/netfilter/nf_conntrack_tcp_timeout_established",
        value=str(TCP_IDLE_TIMEOUT_S),
        why=phrase(
            "what clients leave open without an end is forgotten after two hours, not five days"
        ),
    )
    yield Sysctl(
        path="net/netfilter/nf_conntrack_acct",
        value="1",
        why=phrase("connections count their bytes: what each client sends and receives"),
    )


def _uplink(config: Config, uplink: Uplink) -> Iterator[Sysctl]:
    device = uplink.device
    yield _ipv4_conf(
        device, "rp_filter", 2, phrase("replies may come by any uplink: loose, not strict")
    )
    yield _ipv4_conf(
        device, "arp_ignore", 1, phrase("uplinks may share a subnet: answer for your own address")
    )
    yield _ipv4_conf(
        device, "arp_announce", 2, phrase("uplinks may share a subnet: ask from your own address")
    )
    yield _ipv4_conf(
        device, "accept_redirects", 0, phrase("ICMP redirects of a provider are ignored")
    )
    yield _ipv4_conf(
        device, "promote_secondaries", 1, phrase("a changed address must not remove others")
    )
    if AddressFamily.V6 in configured_families(config):
        # What the kernel takes in stands in `main`, in front of every policy. The daemon hears
        # advertisements itself, and puts what is used into the line's own table.
        external = uplink.addressing is Addressing.EXTERNAL and not uplink.auto6
        heed = external or uplink.dhcp6
        why = (
            phrase("router advertisements are used although this machine forwards")
            if heed
            else phrase("what a line's routers say stands in its own table, never in main")
        )
        yield _ipv6_conf(uplink.device, "accept_ra", 2 if heed else 0, why)
        if uplink.dhcp6:
            yield _ipv6_conf(
                device, "accept_ra_defrtr", 1, phrase("the way out comes by advertisement")
            )
            yield _ipv6_conf(device, "accept_ra_pinfo", 0, phrase("the address comes by DHCPv6"))
        yield _ipv6_conf(
            device, "accept_redirects", 0, phrase("ICMP redirects of a provider are ignored")
        )


def _closed_port(config: Config, port: str) -> Iterator[Sysctl]:
    """The Ethernet port below a PPPoE line or a provider's tag, which carries no IP of ours."""
    if AddressFamily.V6 in configured_families(config):
        why = phrase("lines stand on this port; it has no router itself")
        yield _ipv6_conf(port, "accept_ra", 0, why)


def _vlan(config: Config, device: str) -> Iterator[Sysctl]:
    yield _ipv4_conf(
        device,
        "arp_ignore",
        1,
        phrase("a VLAN asks for its own gateway, not for addresses elsewhere"),
    )
    yield _ipv4_conf(
        device, "accept_redirects", 0, phrase("ICMP redirects of a client are ignored")
    )
    yield _ipv4_conf(
        device, "promote_secondaries", 1, phrase("a changed address must not remove others")
    )
    if AddressFamily.V6 in configured_families(config):
        yield _ipv6_conf(device, "accept_ra", 0, phrase("on a VLAN, this machine is the router"))


def _ipv4_conf(device: str, name: str, value: int, why: str) -> Sysctl:
    return Sysctl(path=f"net/ipv4/conf/{device}/{name}", value=str(value), why=why)


def _ipv6_conf(device: str, name: str, value: int, why: str) -> Sysctl:
    return Sysctl(path=f"net/ipv6/conf/{device}/{name}", value=str(value), why=why)
