"""The checks of `lbrouter why` on the side of the client: cable, lease, address, names, bounds.

Each check takes the gateway, the client and the facts, and returns None where it cannot be made.
"""

from dataclasses import dataclass
from enum import StrEnum

from lbrouter.compile.diagnosis.client_facts import (
    ClientFacts,
    GatewayView,
    LocatedClient,
    reserved_vlan,
)
from lbrouter.compile.report.clients import VlanLookup
from lbrouter.compile.routing.lan_links import physical_port, vlan_unreachable_reason
from lbrouter.compile.services.dnsmasq import serves_dhcp
from lbrouter.model.config import Vlan
from lbrouter.model.messages.codes import ClientCode
from lbrouter.model.messages.message import Message, message


class ClientCause(StrEnum):
    """Why a client has no internet: the key `cause` of `lbrouter why --json`."""

    SWITCH_PORT = "switch port"
    BLOCKED = "blocked"
    WRONG_VLAN = "wrong VLAN"
    NO_LEASE = "no lease"
    FOREIGN_ADDRESS = "foreign address"
    DUPLICATE_ADDRESS = "duplicate address"
    CAPTIVE_PORTAL = "captive portal upstream"
    NO_LINE = "policy without line"
    LIMIT = "over its limit"
    NO_DNS = "no DNS"
    IPV6 = "IPv6 only broken"
    MTU = "MTU"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCheck:
    """One thing that was looked at. `cause` is None where it is in order; then `remedy` is, too."""

    name: str
    found: Message
    cause: ClientCause | None = None
    remedy: Message | None = None


def seen_check(
    _gateway: GatewayView, client: LocatedClient, _facts: ClientFacts
) -> ClientCheck | None:
    """Whether it is heard, and on which VLAN."""
    if client.is_heard and client.vlan is not None:
        found = message(ClientCode.SEEN, mac=client.mac, vlan=client.vlan.name)
        return ClientCheck(name="seen", found=found)
    found = message(ClientCode.SEEN)
    if client.was_on is not None:
        found = message(ClientCode.SEEN, before=client.was_on)
    remedy = message(ClientCode.LOOK_AT_CABLE)
    return ClientCheck(name="seen", found=found, cause=ClientCause.SWITCH_PORT, remedy=remedy)


def lease_check(
    _gateway: GatewayView, client: LocatedClient, facts: ClientFacts
) -> ClientCheck | None:
    """Whether it has an IPv4 address, and from where."""
    if client.vlan is None:
        return None
    if client.address is None or (client.address.version == 4 and client.address.is_link_local):
        return _without_lease(client.vlan, client, facts) if client.is_heard else None
    if any(lease.address == client.address for lease in facts.leases):
        return ClientCheck(
            name="lease", found=message(ClientCode.LEASE, address=str(client.address))
        )
    if not client.is_heard or client.address.version == 6:
        return None
    own = message(ClientCode.LEASE, own_address=str(client.address))
    return ClientCheck(name="lease", found=own)


def _without_lease(vlan: Vlan, client: LocatedClient, facts: ClientFacts) -> ClientCheck:
    found, remedy = message(ClientCode.LEASE), message(ClientCode.GIVE_LEASE)
    pool = facts.pools.get(vlan.name)
    if client.address is not None:
        found = message(ClientCode.LEASE, given_address=str(client.address))
    elif pool is not None and pool["used"] >= pool["size"]:
        found = message(
            ClientCode.LEASE, used=str(pool["used"]), size=str(pool["size"]), vlan=vlan.name
        )
        remedy = message(ClientCode.GIVE_LEASE, full_vlan=vlan.name)
    if not serves_dhcp(vlan):
        remedy = message(ClientCode.GIVE_LEASE, vlan=vlan.name)
    return ClientCheck(name="lease", found=found, cause=ClientCause.NO_LEASE, remedy=remedy)


def address_check(
    gateway: GatewayView, client: LocatedClient, _facts: ClientFacts
) -> ClientCheck | None:
    """Whether its address, and the client itself, belong to the VLAN that it is on."""
    vlan, address = client.vlan, client.address
    if vlan is None or not client.is_heard:
        return None
    home = reserved_vlan(gateway.config, client.mac)
    if home is not None and home.name != vlan.name:
        host = next(name for name, known in home.hosts.items() if known.mac == client.mac)
        found = message(ClientCode.ADDRESS, host=host, other=home.name, vlan=vlan.name)
        return _wrong_vlan(found, home)
    if address is None or address.is_link_local:
        return None
    if address in vlan.address.network or (vlan.address6 and address in vlan.address6.network):
        found = message(ClientCode.ADDRESS, address=str(address), vlan=vlan.name)
        return ClientCheck(name="address", found=found)
    other = VlanLookup(gateway.config.vlans.values()).vlan_of(address)
    if other is not None:
        values = {"address": str(address), "other": other.name, "vlan": vlan.name}
        return _wrong_vlan(Message(code=ClientCode.ADDRESS, values=values), other)
    subnet = str(vlan.address.network)
    remedy = message(ClientCode.USE_DHCP)
    if not serves_dhcp(vlan):
        remedy = message(ClientCode.USE_DHCP, subnet=subnet, gateway=str(vlan.address.ip))
    found = message(ClientCode.ADDRESS, address=str(address), vlan=vlan.name, subnet=subnet)
    return ClientCheck(
        name="address", found=found, cause=ClientCause.FOREIGN_ADDRESS, remedy=remedy
    )


def _wrong_vlan(found: Message, home: Vlan) -> ClientCheck:
    remedy = message(ClientCode.CHANGE_VLAN, other=home.name)
    return ClientCheck(name="address", found=found, cause=ClientCause.WRONG_VLAN, remedy=remedy)


def duplicate_check(
    gateway: GatewayView, client: LocatedClient, _facts: ClientFacts
) -> ClientCheck | None:
    """Whether another device, or the gateway, has the same address."""
    if client.vlan is None or client.address is None or not client.macs:
        return None
    address = str(client.address)
    found = message(ClientCode.DUPLICATE, address=address)
    own = [vlan.address.ip for vlan in gateway.config.vlans.values()]
    if client.address in own:
        found = message(ClientCode.DUPLICATE, own_address=address)
    elif len(client.macs) > 1:
        found = message(ClientCode.DUPLICATE, macs=client.macs, address=address)
    else:
        return ClientCheck(name="duplicate address", found=found)
    return ClientCheck(
        name="duplicate address",
        found=found,
        cause=ClientCause.DUPLICATE_ADDRESS,
        remedy=message(ClientCode.CHANGE_ADDRESS),
    )


def dns_check(
    gateway: GatewayView, client: LocatedClient, facts: ClientFacts
) -> ClientCheck | None:
    """Whether the gateway gets names answered, and whether the client's own queries are."""
    if facts.names_answered is False:
        resolvers = tuple(map(str, gateway.config.gateway.dns)) or ("/etc/resolv.conf",)
        found = message(ClientCode.DNS, resolvers=resolvers)
        remedy = message(ClientCode.REPAIR_DNS)
        return ClientCheck(name="dns", found=found, cause=ClientCause.NO_DNS, remedy=remedy)
    traffic = facts.traffic
    if traffic is not None and traffic.dns_queries and not traffic.dns_answers:
        found = message(ClientCode.DNS, queries=traffic.dns_queries)
        remedy = message(ClientCode.REPAIR_DNS, gateway=_resolver(client))
        return ClientCheck(name="dns", found=found, cause=ClientCause.NO_DNS, remedy=remedy)
    if facts.names_answered is None:
        return None
    return ClientCheck(name="dns", found=message(ClientCode.DNS))


def _resolver(client: LocatedClient) -> str:
    return "the gateway" if client.vlan is None else str(client.vlan.address.ip)


def blocked_check(
    _gateway: GatewayView, client: LocatedClient, facts: ClientFacts
) -> ClientCheck | None:
    """Whether an operator has shut it out."""
    if facts.block is None:
        return ClientCheck(name="blocked", found=message(ClientCode.BLOCKED))
    found = message(ClientCode.BLOCKED, mac=client.mac)
    if facts.block.left_s is not None:
        found = message(ClientCode.BLOCKED, mac=client.mac, left_s=facts.block.left_s)
    remedy = message(ClientCode.UNBLOCK, mac=client.mac)
    return ClientCheck(name="blocked", found=found, cause=ClientCause.BLOCKED, remedy=remedy)


def port_check(
    gateway: GatewayView, client: LocatedClient, _facts: ClientFacts
) -> ClientCheck | None:
    """Whether the ports of the gateway have a carrier: that of its VLAN, or all."""
    config, vlans = gateway.config, tuple(gateway.config.vlans.values())
    if client.vlan is not None:
        vlans = (client.vlan,)
    for vlan in vlans:
        reason = vlan_unreachable_reason(config, vlan, gateway.facts)
        if reason is not None:
            return ClientCheck(
                name="switch port",
                found=message(ClientCode.PORT, reason=reason),
                cause=ClientCause.SWITCH_PORT,
                remedy=message(ClientCode.LOOK_AT_CABLE, interface=physical_port(config, vlan)),
            )
    if client.vlan is None:
        return ClientCheck(name="switch port", found=message(ClientCode.PORT))
    interface = physical_port(config, client.vlan)
    return ClientCheck(name="switch port", found=message(ClientCode.PORT, interface=interface))
