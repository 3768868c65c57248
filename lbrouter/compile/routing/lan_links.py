"""The LAN side: which trunk or port is missing, and which VLANs wait for it."""

from collections.abc import Mapping

from lbrouter.model.config import Config, Vlan
from lbrouter.model.facts import Facts


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


def vlan_unreachable_reason(config: Config, vlan: Vlan, facts: Facts) -> str:
    """Why the clients of `vlan` cannot be reached, in words for a technician; "" if they can."""
    name = physical_port(config, vlan)
    interface = facts.interfaces.get(name)
    if interface is None:
        return f"interface {name} is not there"
    return f"no carrier on {name}" if interface.up and not interface.carrier else ""


def missing_ports(config: Config, facts: Facts) -> Mapping[str, str]:
    """By missing trunk or port, a sentence that says which VLANs wait for it."""
    waiting: dict[str, list[str]] = {}
    for name, vlan in config.vlans.items():
        if physical_port(config, vlan) not in facts.interfaces:
            waiting.setdefault(physical_port(config, vlan), []).append(name)
    trunk = config.lan.trunk if config.lan is not None else ""
    sentences: dict[str, str] = {}
    for port, vlans in waiting.items():
        missing = f"the trunk {port}" if port == trunk else f"port {port}"
        wait = f"VLAN {vlans[0]} waits" if len(vlans) == 1 else f"VLANs {', '.join(vlans)} wait"
        sentences[port] = f"{missing} is not there: {wait}"
    return sentences


def missing_vlan_support(config: Config, facts: Facts) -> str:
    """A sentence if the file has VLAN tags and the kernel has no 802.1Q; else ""."""
    tagged = [name for name, vlan in config.vlans.items() if vlan.id is not None]
    if not tagged or "vlan" in facts.features:
        return ""
    return (
        f"this kernel has no 802.1Q VLANs (module 8021q), and {', '.join(tagged)} need them (id):"
        " `apply` will be refused here (69); load the module, run a kernel that has it, or give"
        " each VLAN a port of its own"
    )


def port_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str]]:
    """Ports that went or came back, each with its sentence."""
    gone = [(port, text) for port, text in after.items() if port not in before]
    return [*gone, *((port, f"{port} is there again") for port in before if port not in after)]
