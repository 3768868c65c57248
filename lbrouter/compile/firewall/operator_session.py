"""Whether an apply would cut the SSH session that it runs in, judged from what it leads to."""

from lbrouter.compile.firewall.ssh_session import OperatorSession
from lbrouter.compile.routing.uplink_addressing import uplink_nexthop
from lbrouter.model.config import Config, Vlan
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import AddressFamily, IpAddress, IpInterface
from lbrouter.model.messages.phrase import phrase


def session_cut_reason(config: Config, facts: Facts, session: OperatorSession) -> str:
    """Why `session` would not survive an apply of `config`; "" where it would, or may."""
    if session.client.is_loopback:
        return ""
    own = _interfaces_by_address(config, facts)
    if session.server not in own and not session.server.is_link_local:
        return phrase("{server}, to which you are connected, would be gone", server=session.server)
    arrival = session.interface or _arrival_interface(config, facts, session.client)
    interface = arrival or own.get(session.server, "")
    for uplink in config.uplinks.values():
        if interface in (uplink.device, uplink.interface):
            return phrase(
                "Your session comes in by uplink {uplink}, which may not manage the gateway",
                uplink=uplink.name,
            )
    for vlan in config.vlans.values():
        if interface == config.vlan_device(vlan):
            return _vlan_closed_reason(config, vlan, facts)
    return ""  # the file does not name the interface


def _interfaces_by_address(config: Config, facts: Facts) -> dict[IpAddress, str]:
    """Addresses that the machine has after the apply: those of the file, and other programs'."""
    interfaces: dict[IpAddress, str] = {
        address.ip: name
        for name, interface in facts.interfaces.items()
        for address in (*interface.foreign_addresses, *interface.autoconfigured)
    }
    for uplink in config.uplinks.values():
        for family in AddressFamily:
            hop = uplink_nexthop(uplink, family, facts)
            if hop is not None:
                interfaces[hop.address.ip] = uplink.device
    for vlan in config.vlans.values():
        for own in _vlan_addresses(vlan):
            interfaces[own.ip] = config.vlan_device(vlan)
    return interfaces


def _vlan_addresses(vlan: Vlan) -> tuple[IpInterface, ...]:
    return (vlan.address,) if vlan.address6 is None else (vlan.address, vlan.address6)


def _arrival_interface(config: Config, facts: Facts, client: IpAddress) -> str:
    """The interface whose subnet holds the client; "" where it is behind a router."""
    for vlan in config.vlans.values():
        if any(client in own.network for own in _vlan_addresses(vlan)):
            return config.vlan_device(vlan)
    others = (
        name
        for name, interface in facts.interfaces.items()
        if any(client in address.network for address in interface.foreign_addresses)
    )
    return next(others, "")


def _vlan_closed_reason(config: Config, vlan: Vlan, facts: Facts) -> str:
    port = vlan.port if vlan.port is not None or config.lan is None else config.lan.trunk
    if port not in facts.interfaces:
        return phrase(
            "Your session comes in by VLAN {vlan}, whose port {port} is not there",
            vlan=vlan.name,
            port=port,
        )
    if not vlan.manage:
        return phrase(
            "Your session comes in by VLAN {vlan}, which has no `manage = true`", vlan=vlan.name
        )
    return ""
