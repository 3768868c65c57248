"""The LAN side: which trunk or port is missing, and which VLANs wait for it."""

from collections.abc import Mapping, Sequence

from lbrouter.model.config import Config, Vlan
from lbrouter.model.facts import Facts
from lbrouter.model.messages.codes import EventCode, ReasonCode
from lbrouter.model.messages.message import Message, message
from lbrouter.model.messages.phrase import phrase


def physical_port(config: Config, vlan: Vlan) -> str:
    """The port that a VLAN's packets pass: its own, or the trunk."""
    if vlan.port is not None:
        return vlan.port
    assert config.lan is not None
    return config.lan.trunk


def orphaned_vlan_devices(config: Config, facts: Facts) -> frozenset[str]:
    """VLAN devices whose trunk is missing.

    The kernel removes them with a trunk that is deleted, and leaves them behind when it moves to
    another namespace: then nothing below them can be raised.
    """
    return frozenset(
        config.vlan_device(vlan)
        for vlan in config.vlans.values()
        if vlan.id is not None and physical_port(config, vlan) not in facts.interfaces
    )


def vlan_unreachable_reason(config: Config, vlan: Vlan, facts: Facts) -> Message | None:
    """Why the clients of `vlan` cannot be reached; None if they can."""
    name = physical_port(config, vlan)
    interface = facts.interfaces.get(name)
    if interface is None:
        return message(ReasonCode.NO_INTERFACE, interface=name)
    lost = interface.up and not interface.carrier
    return message(ReasonCode.NO_CARRIER, interface=name) if lost else None


def missing_ports(config: Config, facts: Facts) -> Mapping[str, Message]:
    """By missing trunk or port, a message that says which VLANs wait for it."""
    waiting: dict[str, list[str]] = {}
    for name, vlan in config.vlans.items():
        if physical_port(config, vlan) not in facts.interfaces:
            waiting.setdefault(physical_port(config, vlan), []).append(name)
    trunk = config.lan.trunk if config.lan is not None else ""
    return {port: _missing_port(port, vlans, trunk) for port, vlans in waiting.items()}


def _missing_port(port: str, vlans: Sequence[str], trunk: str) -> Message:
    code = EventCode.VLANS_WAIT
    single = len(vlans) == 1
    waiting = message(code, vlan=vlans[0]) if single else message(code, vlans=tuple(vlans))
    place = {"trunk" if port == trunk else "port": port}
    return message(EventCode.PORT_MISSING, **place, waiting=waiting)


def missing_vlan_support(config: Config, facts: Facts) -> str:
    """A sentence if the file has VLAN tags and the kernel has no 802.1Q; else ""."""
    vlans = [name for name, vlan in config.vlans.items() if vlan.id is not None]
    lines = [f"uplink {name}" for name, line in config.uplinks.items() if line.vlan is not None]
    if not (vlans or lines) or "vlan" in facts.features:
        return ""
    tagged = ", ".join([*vlans, *lines])
    if lines:
        return phrase(
            "this kernel has no 802.1Q VLANs (module 8021q), and {tagged} need them (id, vlan):"
            " `apply` will be refused here (69); load the module, run a kernel that has it,"
            " or give each a port of its own",
            tagged=tagged,
        )
    return phrase(
        "this kernel has no 802.1Q VLANs (module 8021q), and {tagged} need them (id):"
        " `apply` will be refused here (69); load the module, run a kernel that has it,"
        " or give each VLAN a port of its own",
        tagged=tagged,
    )


def port_changes(
    before: Mapping[str, Message], after: Mapping[str, Message]
) -> list[tuple[str, Message]]:
    """Ports that went or came back, each with its message."""
    gone = [(port, text) for port, text in after.items() if port not in before]
    return [
        *gone,
        *((port, message(EventCode.PORT_BACK, port=port)) for port in before if port not in after),
    ]
