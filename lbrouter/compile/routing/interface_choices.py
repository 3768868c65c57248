"""From a MAC address or a path in the file to the interface that has it now, and what is there.

Devices that stand on others (VLANs, bridges, bonds) have the MAC address of those, and are never
meant: a line is plugged into a port.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.facts import InterfaceFacts
from lbrouter.model.messages.codes import ReasonCode
from lbrouter.model.messages.message import Message, message
from lbrouter.model.messages.phrase import Phrase, phrase
from lbrouter.model.sections.interface_choice import InterfaceChoice

LOOPBACK: Final = "lo"
PLUGGED_KINDS: Final = frozenset({"", "veth"})
"""The kernel's kinds of interface that a cable or a stick is: "" is hardware, and the loopback."""

MAC_NAME_PATTERN: Final = "enx[0-9a-f]{12}"
"""A name that udev makes from a MAC address: of a port by USB."""

MAX_INTERFACES_LISTED: Final = 6
SIMILAR_NAME: Final = 0.75
"""From here on two names differ in a number or a MAC address alone: enx0200c0ffee01 and ...02."""

Interfaces = Mapping[str, InterfaceFacts]


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceConflict:
    """What keeps a line from its interface on this machine: the key of it, the value, the reason.

    A MAC address or a path that several interfaces have, or whose interface is in use; a tag on an
    interface that is a VLAN.
    """

    uplink: str
    key: str
    value: object
    reason: str
    accepted: str


def bound_config(config: Config, interfaces: Interfaces) -> Config:
    """`config` with each MAC address and each path led to its interface, "" where none has it.

    Where several have it none is taken: a wrong one would be worse. A DHCP line on an interface
    that udev named after its MAC address (a phone by USB: another one at each plug) takes the only
    other such interface, if its own is gone.
    """
    taken = named_ports(config)
    uplinks = {}
    for name, uplink in config.uplinks.items():
        found = matching_interfaces(uplink, interfaces) or _successors(uplink, interfaces, taken)
        free = len(found) == 1 and (found[0] not in taken or uplink.vlan is not None)
        uplinks[name] = uplink.bind(found[0] if free else "")
        taken |= {uplinks[name].port}
    return config.model_copy(update={"uplinks": uplinks})


def may_move(config: Config) -> bool:
    """Whether a line may be plugged into another interface without another word in the file."""
    return any(
        uplink.choice is not None or _has_mac_name(uplink.bind("").port)
        for uplink in config.uplinks.values()
    )


def _successors(uplink: Uplink, interfaces: Interfaces, taken: Collection[str]) -> tuple[str, ...]:
    """The ports that may be the same device under another name."""
    named = uplink.bind("").port
    if uplink.addressing is not Addressing.DHCP or not _has_mac_name(named) or named in interfaces:
        return ()
    ports = (port.name for port in plugged_interfaces(interfaces))
    return tuple(name for name in ports if _has_mac_name(name) and name not in taken)


def _has_mac_name(name: str) -> bool:
    return re.fullmatch(MAC_NAME_PATTERN, name) is not None


def interface_conflicts(config: Config, interfaces: Interfaces) -> Iterator[InterfaceConflict]:
    """What keeps lines from their interfaces on the machine that has these."""
    named = {u.interface: name for name, u in config.uplinks.items() if u.choice is None}
    for name, uplink in config.uplinks.items():
        yield from _tag_conflict(uplink, interfaces)
        matching = matching_interfaces(uplink, interfaces)
        reason: Phrase | None = None
        if len(matching) > 1:
            reason = phrase(
                "{count} interfaces have it: {names}",
                count=len(matching),
                names=", ".join(matching),
            )
        elif matching:
            other = named.setdefault(uplink.bind(matching[0]).interface, name)
            if other != name:
                reason = phrase(
                    "it is interface {interface}, in use already by uplinks.{other}",
                    interface=matching[0],
                    other=other,
                )
        if reason is not None and uplink.choice is not None:
            yield InterfaceConflict(
                uplink=name,
                key="interface",
                value=uplink.choice.toml_value(),
                reason=reason,
                accepted="the name of an interface of its own, or its path",
            )


def _tag_conflict(uplink: Uplink, interfaces: Interfaces) -> Iterator[InterfaceConflict]:
    port = interfaces.get(uplink.port)
    if uplink.vlan is not None and port is not None and port.kind == "vlan":
        yield InterfaceConflict(
            uplink=uplink.name,
            key="vlan",
            value=uplink.vlan,
            reason=phrase(
                "{port} is a VLAN already, and a tag within a tag is not supported", port=port.name
            ),
            accepted=phrase("no vlan here, or the interface below {port}", port=port.name),
        )


def matching_interfaces(uplink: Uplink, interfaces: Interfaces) -> tuple[str, ...]:
    """The ports that have what the file asks for, by name.

    The MAC address that a port was made with counts first. One that speaks the line's own `mac`
    counts where none has the address asked for: lbrouter itself has changed it.
    """
    choice = uplink.choice
    if choice is None:
        return ()
    ports = plugged_interfaces(interfaces)
    if choice.path:
        return tuple(port.name for port in ports if port.path == choice.path)
    wanted = [port.name for port in ports if (port.permanent_mac or port.mac) == choice.mac]
    wanted = wanted or [port.name for port in ports if port.mac == choice.mac]
    if not wanted and uplink.mac is not None:
        wanted = [port.name for port in ports if not port.permanent_mac and port.mac == uplink.mac]
    return tuple(wanted)


def plugged_interfaces(interfaces: Interfaces) -> list[InterfaceFacts]:
    """The ports of this machine, by name: hardware, and what stands for it in a namespace."""
    return [
        interfaces[name]
        for name in sorted(interfaces)
        if interfaces[name].kind in PLUGGED_KINDS and name != LOOPBACK and not interfaces[name].ours
    ]


def named_ports(config: Config) -> frozenset[str]:
    """The ports that the file uses already, of lines, trunk and VLANs."""
    lines = (uplink.bind("").port for uplink in config.uplinks.values())
    ports = (vlan.port for vlan in config.vlans.values() if vlan.port is not None)
    return frozenset((*lines, *ports, *((config.lan.trunk,) if config.lan else ())))


def missing_interface_reason(
    uplink: Uplink, interfaces: Interfaces, named: Collection[str]
) -> Message:
    """Why the interface of a line is not there, with what is there instead.

    `named` are ports that the file uses: none of them is the device that is gone.
    """
    choice = uplink.choice
    if choice is None:
        similar = similar_interface(uplink.port, interfaces, named)
        hint = {"similar": similar} if similar else {}
        return message(ReasonCode.NO_INTERFACE, interface=uplink.port, **hint)
    matching = matching_interfaces(uplink, interfaces)
    if matching:
        return message(ReasonCode.NO_INTERFACE, wanted=str(choice), several=matching)
    there = tuple(f"{port.name} ({described(port, choice)})" for port in _listed(interfaces))
    return message(ReasonCode.NO_INTERFACE, wanted=str(choice), there=there)


def similar_interface(name: str, interfaces: Interfaces, named: Collection[str]) -> str:
    """A port whose name is close to `name`, which is gone: the same stick, perhaps; else ""."""
    scores = {
        port.name: SequenceMatcher(a=name, b=port.name).ratio()
        for port in plugged_interfaces(interfaces)
        if port.name not in named
    }
    best = max(scores, key=lambda port: scores[port], default="")
    return best if best and scores[best] >= SIMILAR_NAME else ""


def described(port: InterfaceFacts, choice: InterfaceChoice) -> str:
    """What a port has of the kind that is asked for."""
    if choice.path:
        return port.path or "no path"
    return port.permanent_mac or port.mac or "no MAC address"


def _listed(interfaces: Interfaces) -> list[InterfaceFacts]:
    return plugged_interfaces(interfaces)[:MAX_INTERFACES_LISTED]
