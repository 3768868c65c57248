"""Checks of what the provider handed over: tag, largest packet, names for DHCP, more addresses."""

import re
from collections.abc import Iterator
from typing import Final

from lbrouter.compile.config.checks.names import quoted_list
from lbrouter.compile.config.checks.uplinks import host_address_errors
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.model.config import Addressing, Config, Uplink, Vlan
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.sections.uplinks import MIN_MTU6

PPPOE_MAX_MTU: Final = 1500
"""The most that a PPPoE session may carry, on larger frames (RFC 4638)."""

DHCP_ONLY_KEYS: Final = ("hostname", "client_id")
NOT_WITH_DHCP6: Final = {
    Addressing.PPPOE: phrase('"auto", with which the session brings IPv6 too'),
    Addressing.EXTERNAL: phrase("no address6: the system configures this line"),
}
TAGGED_NAME_PATTERN: Final = r"(.+)\.([1-9][0-9]{0,3})"
"""The name of a VLAN device, as Debian and lbrouter itself write it."""


def errors(config: Config) -> Iterator[Diagnostic]:
    """Everything that is wrong with these keys, of each line that is no lane."""
    tagged = {config.vlan_device(vlan): vlan for vlan in config.vlans.values() if vlan.port is None}
    for uplink in config.uplinks.values():
        if not uplink.is_lane:
            where: KeyPath = ("uplinks", uplink.name)
            yield from _tag_errors(uplink, where, tagged)
            yield from _mtu_errors(uplink, where)
            yield from _mac_errors(uplink, where)
            yield from _dhcp_key_errors(uplink, where)
            yield from _dhcp6_errors(uplink, where)
            yield from _further_address_errors(uplink, where)


def warnings(config: Config) -> Iterator[Diagnostic]:
    """Policies of VLANs with lines that have IPv6 alone: each VLAN has IPv4 clients."""
    for policy in config.policies.values():
        vlans = [vlan.name for vlan in config.vlans.values() if vlan.policy == policy.name]
        without = [name for name in policy.uplinks if config.uplinks[name].address is None]
        if vlans and without:
            names = {"lines": quoted_list(without), "vlans": ", ".join(vlans)}
            all_of_them = len(without) == len(policy.uplinks)
            yield Diagnostic(
                path=("policies", policy.name, "uplinks"),
                value=policy.uplinks,
                reason=phrase(
                    "only IPv6 by {lines}: IPv4 clients of {vlans} have no internet", **names
                )
                if all_of_them
                else phrase(
                    "only IPv6 by {lines}: for IPv4 clients of {vlans} they do not count", **names
                ),
                accepted="a line with IPv4 as well" if all_of_them else "",
            )


def _tag_errors(uplink: Uplink, where: KeyPath, tagged: dict[str, Vlan]) -> Iterator[Diagnostic]:
    """A tag on an interface that is a VLAN already."""
    if uplink.vlan is None or uplink.choice is not None:
        return
    name = re.fullmatch(TAGGED_NAME_PATTERN, uplink.port)
    if uplink.port in tagged or name is not None:
        below = name.group(1) if name is not None else "the port"
        yield Diagnostic(
            path=(*where, "vlan"),
            value=uplink.vlan,
            reason=phrase(
                "{port} is a VLAN already, and a tag within a tag is not supported",
                port=uplink.port,
            ),
            accepted=phrase(
                'interface = "{below}" with this vlan; or {port} without vlan',
                below=below,
                port=uplink.port,
            ),
            depends_on=((*where, "interface"),),
        )


def _mtu_errors(uplink: Uplink, where: KeyPath) -> Iterator[Diagnostic]:
    path, mtu = (*where, "mtu"), uplink.mtu
    if mtu is None:
        return
    if uplink.address6 is not None and mtu < MIN_MTU6:
        yield Diagnostic(
            path=path,
            value=mtu,
            reason="is too small for IPv6, and this line has an address6",
            accepted=phrase("a whole number from {least}, or no address6", least=MIN_MTU6),
            depends_on=((*where, "address6"),),
        )
    if uplink.addressing is Addressing.PPPOE and mtu > PPPOE_MAX_MTU:
        yield Diagnostic(
            path=path,
            value=mtu,
            reason="is more than a PPPoE session carries",
            accepted=phrase("a whole number up to {most}", most=PPPOE_MAX_MTU),
            depends_on=((*where, "address"),),
        )


def _mac_errors(uplink: Uplink, where: KeyPath) -> Iterator[Diagnostic]:
    if uplink.mac is not None and uplink.addressing is Addressing.EXTERNAL:
        yield Diagnostic(
            path=(*where, "mac"),
            value=uplink.mac,
            reason='cannot be set with address = "external": the system configures this line',
            accepted="no mac here",
            depends_on=((*where, "address"),),
        )


def _dhcp_key_errors(uplink: Uplink, where: KeyPath) -> Iterator[Diagnostic]:
    for key in DHCP_ONLY_KEYS:
        value = getattr(uplink, key)
        if value is not None and uplink.addressing is not Addressing.DHCP:
            yield Diagnostic(
                path=(*where, key),
                value=value,
                reason='can be used with address = "dhcp" only',
                accepted=phrase("no {key} here", key=key),
                depends_on=((*where, "address"),),
            )


def _dhcp6_errors(uplink: Uplink, where: KeyPath) -> Iterator[Diagnostic]:
    """DHCPv6 is spoken on Ethernet, and not beside a system that configures the line itself."""
    if uplink.dhcp6 and uplink.addressing in NOT_WITH_DHCP6:
        yield Diagnostic(
            path=(*where, "address6"),
            value="dhcp",
            reason=phrase('cannot be used with address = "{how}"', how=str(uplink.addressing)),
            accepted=NOT_WITH_DHCP6[uplink.addressing],
            depends_on=((*where, "address"),),
        )


def _further_address_errors(uplink: Uplink, where: KeyPath) -> Iterator[Diagnostic]:
    """Addresses that no host can have, or that the line has already."""
    known = {own.ip for own in (uplink.static4, uplink.static6) if own is not None}
    routers = {router for router in (uplink.gateway, uplink.gateway6) if router is not None}
    for index, address in enumerate(uplink.addresses):
        path = (*where, "addresses", index)
        yield from host_address_errors(address, path)
        if address.ip in known:
            why, accepted = "is an address of this line already", "each address once"
            yield Diagnostic(path=path, value=address, reason=why, accepted=accepted)
        if address.ip in routers:
            why, accepted = "is the provider's router", "an address of ours"
            yield Diagnostic(path=path, value=address, reason=why, accepted=accepted)
        known.add(address.ip)
