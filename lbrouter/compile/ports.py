"""What an uplink really has, in each family: its own addresses and the way out.

Static addresses come from the file, external ones from the machine; whoever needs "the addresses of
an uplink" (routes, the anti-spoofing sets, `status`) asks here.
"""

from dataclasses import dataclass

from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.machine import Facts, InterfaceFacts
from lbrouter.model.state import Family, IpAddress, IpInterface


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """One family of one uplink: its first address and the next hop."""

    address: IpInterface
    gateway: IpAddress

    @property
    def onlink(self) -> bool:
        """Whether the next hop lies outside the uplink's own subnet (a /32 from the ISP)."""
        return self.gateway not in self.address.network and not self.gateway.is_link_local


def way_out(uplink: Uplink, family: Family, facts: Facts) -> WayOut | None:
    """The way out by `uplink`, or None: no such family, no address yet, or no interface."""
    found = facts.interfaces.get(uplink.interface)
    if found is None:
        return None
    address, gateway = _static(uplink, family)
    if address is None and uplink.addressing is Addressing.EXTERNAL:
        address, gateway = _external(found, family)
    if address is None or gateway is None:
        return None
    return WayOut(address=address, gateway=gateway)


def offers(uplink: Uplink, family: Family, facts: Facts) -> bool:
    """Whether `uplink` can carry `family` at all."""
    return way_out(uplink, family, facts) is not None


def families(config: Config) -> tuple[Family, ...]:
    """The families that the file speaks of: IPv6 only where something has an IPv6 address."""
    six = any(uplink.address6 is not None for uplink in config.uplinks.values())
    six = six or any(vlan.address6 is not None for vlan in config.vlans.values())
    external = any(u.addressing is Addressing.EXTERNAL for u in config.uplinks.values())
    return (Family.V4, Family.V6) if six or external else (Family.V4,)


def _static(uplink: Uplink, family: Family) -> tuple[IpInterface | None, IpAddress | None]:
    if family is Family.V4:
        return uplink.static4, uplink.gateway
    return uplink.static6, uplink.gateway6


def _external(found: InterfaceFacts, family: Family) -> tuple[IpInterface | None, IpAddress | None]:
    """The first global address and default gateway that somebody else configured."""
    version = family.version
    addresses = [a for a in found.addresses if a.version == version and not a.ip.is_link_local]
    gateways = [g for g in found.gateways if g.version == version]
    return (addresses[0] if addresses else None), (gateways[0] if gateways else None)
