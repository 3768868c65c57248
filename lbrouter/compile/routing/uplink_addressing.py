"""The addresses and the next hop of an uplink, in each family.

Static addresses come from the file, leased ones from a DHCP server, external ones from the machine;
all code that needs an uplink's addresses (routes, anti-spoofing sets, `status`) uses this.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lbrouter.compile.routing.lan_links import orphaned_vlan_devices
from lbrouter.compile.routing.uplink_links import (
    narrow_mtu,
    orphaned_devices,
    with_planned_devices,
)
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.facts import Facts, InterfaceFacts
from lbrouter.model.kernel_state import AddressFamily, IpAddress, IpInterface


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkNexthop:
    """One family of one uplink: its first address and the next hop.

    No `gateway` on a point-to-point line: there is one host at the other end. `subnet_is_connected`
    says whether the rest of the address's subnet is reached without the gateway.
    """

    address: IpInterface
    gateway: IpAddress | None
    mtu: int = 0
    """Largest packet of the line where that is less than what the interface takes; 0 else."""
    subnet_is_connected: bool = True

    @property
    def onlink(self) -> bool:
        """Whether the next hop lies outside the uplink's own subnet (a /32 from the ISP)."""
        if self.gateway is None:
            return False
        return self.gateway not in self.address.network and not self.gateway.is_link_local


def uplink_nexthop(uplink: Uplink, family: AddressFamily, facts: Facts) -> UplinkNexthop | None:
    """The next hop of `uplink`, or None: no such family, no address yet, or no interface."""
    if uplink.is_lane:
        return _lane_nexthop(uplink, family, facts)
    way = _line_nexthop(uplink, family, facts)
    if way is None:
        return None
    lease = facts.leases.get(uplink.name) if family is AddressFamily.V4 else None
    told = lease.mtu if lease is not None else None
    return replace(way, mtu=narrow_mtu(uplink, told, facts.interfaces))


def _line_nexthop(uplink: Uplink, family: AddressFamily, facts: Facts) -> UplinkNexthop | None:
    """As `uplink_nexthop`, whatever the largest packet is."""
    interface = facts.interfaces.get(uplink.device)
    if interface is None:
        return None
    if uplink.addressing is Addressing.DHCP and family is AddressFamily.V4:
        lease = facts.leases.get(uplink.name)
        return (
            None if lease is None else UplinkNexthop(address=lease.address, gateway=lease.gateway)
        )
    if family is AddressFamily.V6 and uplink.dhcp6:
        return _dhcp6_nexthop(uplink, interface, facts)
    if family is AddressFamily.V6 and uplink.auto6:
        return _router_advertised_nexthop(uplink, facts)
    if family is AddressFamily.V4 and uplink.addressing is Addressing.PPPOE:
        # The address that pppd was given for its device.
        addresses = [address for address in interface.addresses if address.version == 4]
        return (
            UplinkNexthop(address=addresses[0], gateway=None, subnet_is_connected=False)
            if addresses
            else None
        )
    address, gateway = (
        (uplink.static4, uplink.gateway)
        if family is AddressFamily.V4
        else (uplink.static6, uplink.gateway6)
    )
    if address is None and uplink.addressing is Addressing.EXTERNAL:
        return _external_nexthop(interface, family)
    if address is None or gateway is None:
        return None
    return UplinkNexthop(address=address, gateway=gateway)


def has_nexthop(uplink: Uplink, family: AddressFamily, facts: Facts) -> bool:
    """Whether `uplink` can carry `family` at all."""
    return uplink_nexthop(uplink, family, facts) is not None


def nexthops(config: Config, facts: Facts) -> Iterator[tuple[str, IpAddress]]:
    """The next hop of each uplink in each family, with its interface; none on a ppp line."""
    for uplink in config.uplinks.values():
        for family in AddressFamily:
            way = uplink_nexthop(uplink, family, facts)
            if way is not None and way.gateway is not None:
                yield uplink.device, way.gateway


def stable_facts(config: Config, facts: Facts) -> Facts:
    """`facts` without what will not last: unfinished sessions, VLAN devices without their trunk.

    With the devices of providers' tags that an apply makes before all else.

    pppd creates the device first; if the provider refuses, it goes within a second and is created
    again, for hours. Nothing is set on it before it has an address.
    """
    facts = with_planned_devices(config, facts)
    orphans = orphaned_vlan_devices(config, facts) | orphaned_devices(config, facts)
    making = {u.device for u in config.uplinks.values() if u.device != u.interface}
    kept = {
        name: interface
        for name, interface in facts.interfaces.items()
        if name not in orphans and (name not in making or interface.addresses)
    }
    return replace(facts, interfaces=kept)


def configured_families(config: Config) -> tuple[AddressFamily, ...]:
    """The families that the file speaks of: IPv6 only where something has an IPv6 address."""
    six = any(uplink.address6 is not None for uplink in config.uplinks.values())
    six = six or any(vlan.address6 is not None for vlan in config.vlans.values())
    external = any(u.addressing is Addressing.EXTERNAL for u in config.uplinks.values())
    return (AddressFamily.V4, AddressFamily.V6) if six or external else (AddressFamily.V4,)


def _lane_nexthop(uplink: Uplink, family: AddressFamily, facts: Facts) -> UplinkNexthop | None:
    """Inside a lane there is one host at the other end, the relay. It carries IPv4 alone."""
    known = facts.lanes.get(uplink.name)
    if known is None or family is AddressFamily.V6:
        return None
    return UplinkNexthop(address=uplink.inside_address, gateway=None, mtu=known.mtu)


def _dhcp6_nexthop(uplink: Uplink, interface: InterfaceFacts, facts: Facts) -> UplinkNexthop | None:
    """The address that a server lent, by the file's router or one that announced itself."""
    lease = facts.leases6.get(uplink.name)
    routers = [router for router in interface.gateways if router.version == 6]
    gateway = uplink.gateway6 or next(iter(routers), None)
    if lease is None or gateway is None:
        return None
    return UplinkNexthop(address=lease.address, gateway=gateway, subnet_is_connected=False)


def _router_advertised_nexthop(uplink: Uplink, facts: Facts) -> UplinkNexthop | None:
    """What router advertisements gave: an address under a router's prefix, and that router.

    That the prefix is on the link is the router's to say (RFC 4861, 6.3.4); where it does not,
    all goes by the router.
    """
    line = facts.advertised.get(uplink.name)
    if line is None or line.router is None or not line.addresses:
        return None
    return UplinkNexthop(
        address=line.addresses[0],
        gateway=line.router,
        mtu=line.mtu,
        subnet_is_connected=line.prefix_is_on_link,
    )


def _external_nexthop(interface: InterfaceFacts, family: AddressFamily) -> UplinkNexthop | None:
    """The default gateway that another program configured, and the address to reach it from.

    That is the first one whose subnet holds the gateway, or else the first one at all. A default
    route by the device alone (wwan0, wg0, tun) has no gateway: one host is at the other end.
    """
    version = family.version
    addresses = [a for a in interface.addresses if a.version == version and not a.ip.is_link_local]
    gateways = [g for g in interface.gateways if g.version == version]
    if not addresses:
        return None
    if not gateways:
        by_device = family in interface.device_routes
        alone = UplinkNexthop(address=addresses[0], gateway=None, subnet_is_connected=False)
        return alone if by_device else None
    near = [address for address in addresses if gateways[0] in address.network]
    return UplinkNexthop(address=(*near, *addresses)[0], gateway=gateways[0])
