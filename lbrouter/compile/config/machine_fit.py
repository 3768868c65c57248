"""Whether a valid file fits the machine that it is checked on: warnings, since it may be another's.

What is looked at: the interfaces that are there, the speed of their ports, the leases that are held
and the addresses that the system has put on external lines.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from lbrouter.compile.config.checks.names import quoted_list
from lbrouter.compile.config.checks.rates import BANDWIDTH_DIRECTIONS
from lbrouter.compile.config.checks.subnets import free_subnet
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.compile.config.expected import did_you_mean
from lbrouter.compile.routing.interface_choices import (
    LOOPBACK,
    missing_interface_reason,
    named_ports,
)
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.facts import InterfaceFacts
from lbrouter.model.kernel_state import IpInterface
from lbrouter.model.messages.phrase import as_phrase, phrase

PORT_KINDS: Final = frozenset({"", "veth", "bond", "bridge", "vlan"})
"""The kernel's kinds of interface that may be meant: "" is hardware, and the loopback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineView:
    """What was read off the machine.

    Speeds in Mbit/s, by interface, where the port tells one. `lease_conflicts`: by uplink, the
    clause that says which VLAN its lease overlaps ("10.10.10.7/24 with ..."), "" for none.
    """

    interfaces: Mapping[str, InterfaceFacts] = field(default_factory=dict)
    speeds_mbit: Mapping[str, int] = field(default_factory=dict)
    lease_conflicts: Mapping[str, str] = field(default_factory=dict)


def machine_warnings(config: Config, machine: MachineView) -> Iterator[Diagnostic]:
    """Everything in `config` that will not work on `machine` as it is now."""
    yield from _missing_interfaces(config, machine)
    for uplink in config.uplinks.values():
        yield from _rates_beyond_port(uplink, machine)
        conflict = machine.lease_conflicts.get(uplink.name)
        if conflict and uplink.addressing is Addressing.DHCP:
            why = phrase("holds the lease {conflict}", conflict=as_phrase(conflict))
            yield Diagnostic(path=("uplinks", uplink.name, "address"), value="dhcp", reason=why)
        yield from _external_conflict(config, uplink, machine)


def missing_uplink_interfaces(
    config: Config, interfaces: Mapping[str, InterfaceFacts]
) -> Iterator[Diagnostic]:
    """The interfaces of uplinks that are not there: the file is in force, and those lines wait."""
    own = {
        ("uplinks", name, "interface") for name, each in config.uplinks.items() if not each.is_lane
    }
    missing = _missing_interfaces(config, MachineView(interfaces=interfaces))
    return (each for each in missing if each.path in own)


def _missing_interfaces(config: Config, machine: MachineView) -> Iterator[Diagnostic]:
    """Interfaces that are not there, with one that is and that the file does not use yet."""
    named = dict(_named_interfaces(config))
    free = [
        interface.name
        for interface in machine.interfaces.values()
        if interface.kind in PORT_KINDS
        and interface.name not in (LOOPBACK, *named.values())
        and not interface.ours
    ]
    for path, name in named.items():
        uplink = config.uplinks.get(str(path[1])) if path[0] == "uplinks" else None
        if name in machine.interfaces:
            continue
        if uplink is not None and uplink.choice is not None:
            reason = missing_interface_reason(uplink, machine.interfaces, named_ports(config))
            yield Diagnostic(path=path, value=uplink.choice.toml_value(), reason=str(reason))
        else:
            yield Diagnostic(
                path=path,
                value=name,
                reason=phrase(
                    "this machine has no such interface now{hint}",
                    hint=did_you_mean(name, free),
                ),
                accepted=phrase("one of {free}", free=quoted_list(free)) if free else "",
            )


def _named_interfaces(config: Config) -> Iterator[tuple[KeyPath, str]]:
    for uplink in config.uplinks.values():
        yield ("uplinks", uplink.name, "interface"), uplink.port
    if config.lan is not None:
        yield ("lan", "trunk"), config.lan.trunk
    for vlan in config.vlans.values():
        if vlan.port is not None:
            yield ("vlans", vlan.name, "port"), vlan.port


def _rates_beyond_port(uplink: Uplink, machine: MachineView) -> Iterator[Diagnostic]:
    """Rates of a line above what its port has negotiated."""
    speed_mbit = machine.speeds_mbit.get(uplink.port)
    for direction in BANDWIDTH_DIRECTIONS:
        rate = getattr(uplink, direction)
        if rate is not None and speed_mbit is not None and rate > speed_mbit * 10**6:
            why = phrase(
                "is more than the port {interface} carries now, {speed_mbit} Mbit/s",
                interface=uplink.port,
                speed_mbit=speed_mbit,
            )
            path = ("uplinks", uplink.name, direction)
            accepted = "the rate of the line, or a better cable or port"
            yield Diagnostic(path=path, value=str(rate), reason=why, accepted=accepted)


def _external_conflict(
    config: Config, uplink: Uplink, machine: MachineView
) -> Iterator[Diagnostic]:
    """A VLAN over the address that the system has put on an external line."""
    interface = machine.interfaces.get(uplink.interface)
    if uplink.addressing is not Addressing.EXTERNAL or interface is None:
        return
    for vlan in config.vlans.values():
        for key, own in (("address", vlan.address), ("address6", vlan.address6)):
            taken = [
                address
                for address in interface.addresses
                if own is not None and _overlaps(own, address)
            ]
            if own is not None and taken:
                free = free_subnet(config, taken[0].network, own.network.prefixlen)
                yield Diagnostic(
                    path=("vlans", vlan.name, key),
                    value=own,
                    reason=phrase(
                        "overlaps {network}, which the system has on {interface} (uplink {uplink})",
                        network=taken[0].network,
                        interface=uplink.interface,
                        uplink=uplink.name,
                    ),
                    accepted=phrase('a subnet of its own, "{free}" is free', free=free)
                    if free
                    else "",
                )


def _overlaps(one: IpInterface, other: IpInterface) -> bool:
    """Whether both are of one family and one network holds the other."""
    first, second = one.network, other.network
    return one.version == other.version and (
        first.network_address in second or second.network_address in first
    )
