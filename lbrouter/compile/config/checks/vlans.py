"""Checks of the VLANs, each by itself, and of the interfaces that all sections share."""

from collections.abc import Iterator
from typing import Final

from lbrouter.compile.config.checks.names import duplicates, undefined_reference
from lbrouter.compile.config.checks.uplinks import host_address_errors, is_reserved_address
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath, format_key_path
from lbrouter.model.config import Config, Dhcp, Vlan
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.reserved_ids import ALL_BUDGETS, MIN_BUDGET
from lbrouter.model.units import Duration, Percent

MAX_INTERFACE_NAME_CHARS: Final = 15
DHCP_LEASE_TIME_RANGE: Final = (Duration(120_000), Duration(30 * 24 * 3_600_000))
"""dnsmasq takes no lease under two minutes."""


def errors(config: Config) -> Iterator[Diagnostic]:
    """Everything that is wrong with the VLANs, and each interface that is used twice."""
    for vlan in config.vlans.values():
        where: KeyPath = ("vlans", vlan.name)
        yield from _attachment_errors(config, vlan, where)
        yield from _address_errors(vlan, where)
        yield from _reference_errors(config, vlan, where)
        yield from _dhcp_errors(vlan, where)
    yield from _budget_errors(config)
    yield from _duplicate_tags(config)
    untagged = [vlan.name for vlan in config.vlans.values() if vlan.untagged]
    for name in untagged[1:]:
        why = phrase("is on the trunk already, without a tag: [vlans.{vlan}]", vlan=untagged[0])
        yield Diagnostic(
            path=("vlans", name, "untagged"), value=True, reason=why, accepted="an id, or a port"
        )
    # Each interface that is used twice. The first use in the file's order is the valid one.
    owners: dict[str, KeyPath] = {}
    for interface, path in _interface_uses(config):
        first = owners.setdefault(interface, path)
        if first != path:
            why = phrase(
                "interface {interface} is in use already, by {first}",
                interface=interface,
                first=format_key_path(first),
            )
            accepted = "an interface of its own"
            yield Diagnostic(
                path=path, value=interface, reason=why, accepted=accepted, depends_on=(first,)
            )


def _budget_errors(config: Config) -> Iterator[Diagnostic]:
    """Budgets that leave no room: for the gateway's own probes, or for a VLAN without one."""
    named = {vlan.name: vlan.budget for vlan in config.vlans.values() if vlan.budget is not None}
    if not named:
        return
    kept_free = (len(config.vlans) - len(named)) * min(MIN_BUDGET, ALL_BUDGETS // len(config.vlans))
    total = sum(named.values())
    if total + kept_free > ALL_BUDGETS:
        last = list(named)[-1]
        why = phrase(
            "the budgets add up to {total}: the connection table has no room for the rest",
            total=Percent(total),
        )
        most = Percent(ALL_BUDGETS - kept_free)
        accepted = phrase("budgets that add up to {most} or less", most=most)
        where: KeyPath = ("vlans", last, "budget")
        yield Diagnostic(path=where, value=str(named[last]), reason=why, accepted=accepted)


def warnings(config: Config) -> Iterator[Diagnostic]:
    """A gateway that no VLAN can manage, and IPv6 subnets in which clients get no address."""
    if config.vlans and not any(vlan.manage for vlan in config.vlans.values()):
        why = "no VLAN has manage = true: the gateway can be reached from its own console only"
        yield Diagnostic(path=("vlans",), reason=why)
    for vlan in config.vlans.values():
        where = ("vlans", vlan.name)
        if vlan.address.ip.is_global:
            why = "belongs to others on the internet; clients cannot reach them then"
            accepted = "a private subnet (RFC 1918)"
            path = (*where, "address")
            yield Diagnostic(path=path, value=vlan.address, reason=why, accepted=accepted)
        if vlan.address6 is not None and vlan.address6.network.prefixlen != 64:
            why = "clients form addresses in a /64 only (RFC 4862); here they get none"
            yield Diagnostic(path=(*where, "address6"), value=vlan.address6, reason=why)


def _attachment_errors(config: Config, vlan: Vlan, where: KeyPath) -> Iterator[Diagnostic]:
    keys = ("id", "port", "untagged")
    needs: tuple[KeyPath, ...] = tuple((*where, key) for key in keys)
    given = [key for key in keys if getattr(vlan, key) not in (None, False)]
    if not given:
        why = "has neither id nor port"
        accepted = "id = 10 (tagged on the trunk), port, or untagged = true (on the trunk)"
        yield Diagnostic(path=where, reason=why, accepted=accepted, depends_on=needs)
    elif len(given) > 1:
        why = phrase(
            "has both {one} and {other}: it is tagged on the trunk, untagged on the trunk or"
            " untagged on a port of its own",
            one=given[0],
            other=given[1],
        )
        yield Diagnostic(path=where, reason=why, accepted="one of them", depends_on=needs)
    elif vlan.port is None and config.lan is None:
        why = "a VLAN with an id needs the trunk that carries it"
        if vlan.untagged:
            why = "a VLAN with untagged = true needs the trunk that carries it"
        yield Diagnostic(
            path=(*where, given[0]), value=getattr(vlan, given[0]), reason=why,
            accepted='[lan] with a trunk, such as trunk = "enp3s0"', depends_on=(("lan",),),
        )  # fmt: skip
    elif len(config.vlan_device(vlan)) > MAX_INTERFACE_NAME_CHARS:
        device = config.vlan_device(vlan)
        why = phrase(
            "its device {device} has {length} characters, the kernel takes {most}",
            device=device,
            length=len(device),
            most=MAX_INTERFACE_NAME_CHARS,
        )
        accepted = "a trunk with a shorter name"
        yield Diagnostic(path=(*where, "id"), value=vlan.id, reason=why, accepted=accepted)


def _address_errors(vlan: Vlan, where: KeyPath) -> Iterator[Diagnostic]:
    yield from host_address_errors(vlan.address, (*where, "address"))
    if vlan.address6 is not None:
        yield from host_address_errors(vlan.address6, (*where, "address6"))
    for key, address in (("address", vlan.address), ("address6", vlan.address6)):
        if address is not None and address.network.prefixlen > address.max_prefixlen - 2:
            why = "has no addresses left for clients"
            accepted = phrase(
                "a prefix length of {length} or less",
                length=address.max_prefixlen - 2,
            )
            yield Diagnostic(path=(*where, key), value=address, reason=why, accepted=accepted)
        if address is not None and (address.ip.is_link_local or address.ip.is_reserved):
            why = "is in a range that clients cannot use"
            accepted = phrase("a private subnet (RFC 1918, RFC 4193)")
            yield Diagnostic(path=(*where, key), value=address, reason=why, accepted=accepted)


def _reference_errors(config: Config, vlan: Vlan, where: KeyPath) -> Iterator[Diagnostic]:
    yield from undefined_reference("policies", vlan.policy, config.policies, (*where, "policy"))
    yield from duplicates(vlan.reach, (*where, "reach"))
    places = [(service.protocol, service.port) for service in vlan.services]
    for index, service in enumerate(vlan.services):
        if places[index] in places[:index]:
            path = (*where, "services", index)
            why = "is in this list twice"
            yield Diagnostic(path=path, value=str(service), reason=why, accepted="each once")
    for index, name in enumerate(vlan.reach):
        path = (*where, "reach", index)
        if name == vlan.name:
            why, accepted = "is this VLAN itself", "other VLANs"
            yield Diagnostic(path=path, value=name, reason=why, accepted=accepted)
        yield from undefined_reference("vlans", name, config.vlans, path)


def _relay_errors(vlan: Vlan, where: KeyPath) -> Iterator[Diagnostic]:
    """A relay beside a server of our own, and one that leads to the gateway itself."""
    if vlan.dhcp_relay is None:
        return
    serving = [key for key, given in (("dhcp", vlan.dhcp), ("hosts", vlan.hosts)) if given]
    path = (*where, "dhcp_relay")
    value = str(vlan.dhcp_relay)
    if serving:
        why = phrase(
            "cannot stand beside {key}: the gateway or another server, one leases addresses",
            key=serving[0],
        )
        needs = ((*where, serving[0]),)
        yield Diagnostic(
            path=path, value=value, reason=why, accepted="one of the two", depends_on=needs
        )
    if vlan.dhcp_relay in vlan.address.network:
        why = phrase(
            "is in {vlan} itself: its clients reach that server without a relay", vlan=vlan.name
        )
        yield Diagnostic(path=path, value=value, reason=why, accepted="a server in another VLAN")


def _dhcp_errors(vlan: Vlan, where: KeyPath) -> Iterator[Diagnostic]:
    yield from _relay_errors(vlan, where)
    yield from duplicates([str(resolver) for resolver in vlan.dns], (*where, "dns"))
    if vlan.dhcp is None:
        return
    path = (*where, "dhcp")
    for number, values in vlan.dhcp.options.items():
        if not values:
            example = f'options = {{ {number} = "10.20.2.5" }}'
            yield Diagnostic(
                path=(*path, "options", number), reason="has no value", accepted=as_phrase(example)
            )
    for reason in _range_error(vlan, vlan.dhcp):
        accepted = phrase(
            "a range of hosts in {network} without {ip}",
            network=vlan.address.network,
            ip=vlan.address.ip,
        )
        value = str(vlan.dhcp.range)
        yield Diagnostic(path=(*path, "range"), value=value, reason=reason, accepted=accepted)
    low, high = DHCP_LEASE_TIME_RANGE
    if not low <= vlan.dhcp.lease <= high:
        why, value = "is out of range", str(vlan.dhcp.lease)
        yield Diagnostic(
            path=(*path, "lease"),
            value=value,
            reason=why,
            accepted=phrase("{low} to {high}", low=low, high=high),
        )


def _range_error(vlan: Vlan, dhcp: Dhcp) -> Iterator[str]:
    """The first error of a range."""
    ends = (dhcp.range.start, dhcp.range.end)
    if not all(end in vlan.address.network for end in ends):
        yield phrase(
            "is not inside {network}, the subnet of {vlan}",
            network=vlan.address.network,
            vlan=vlan.name,
        )
    elif any(is_reserved_address(end, vlan.address) for end in ends):
        yield phrase("holds a reserved address of {network}", network=vlan.address.network)
    elif vlan.address.ip in dhcp.range:
        yield phrase("holds {ip}, the gateway's own address", ip=vlan.address.ip)


def _duplicate_tags(config: Config) -> Iterator[Diagnostic]:
    owners: dict[int, str] = {}
    for vlan in config.vlans.values():
        if vlan.id is None:
            continue
        first = owners.setdefault(vlan.id, vlan.name)
        if first != vlan.name:
            path, needs = ("vlans", vlan.name, "id"), (("vlans", first),)
            why, accepted = (
                phrase("is the tag of [vlans.{first}] already", first=first),
                "a tag of its own",
            )
            yield Diagnostic(
                path=path, value=vlan.id, reason=why, accepted=accepted, depends_on=needs
            )


def _interface_uses(config: Config) -> Iterator[tuple[str, KeyPath]]:
    for uplink in config.uplinks.values():
        key = "interface" if uplink.vlan is None else "vlan"
        own = uplink.place if uplink.choice is not None else uplink.interface
        yield own or uplink.name, ("uplinks", uplink.name, key)
        if uplink.device != uplink.interface:
            yield uplink.device, ("uplinks", uplink.name, "address")
    if config.lan is not None:
        yield config.lan.trunk, ("lan", "trunk")
    tagged: dict[int, str] = {}
    for vlan in config.vlans.values():
        if vlan.port is not None:
            yield vlan.port, ("vlans", vlan.name, "port")
        elif (
            not vlan.untagged
            and vlan.id is not None
            and tagged.setdefault(vlan.id, vlan.name) == vlan.name
        ):
            yield config.vlan_device(vlan), ("vlans", vlan.name, "id")
