"""Which services of the gateway a VLAN may use: those of its own, and mDNS of its groups."""

from lbrouter.model.config import Config, Vlan
from lbrouter.model.sections.gateway_services import GatewayService, parse_service


def gateway_services(config: Config, vlan: Vlan) -> tuple[GatewayService, ...]:
    """Beside names and addresses, which are for every VLAN."""
    grouped = any(vlan.name in group for group in config.gateway.mdns)
    mdns = (parse_service("mdns"),) if grouped else ()
    return tuple(dict.fromkeys((*vlan.services, *mdns)))
