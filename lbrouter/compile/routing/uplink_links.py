"""What stands below the addresses of a line: the device of its tag, its MAC address, its MTU."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.facts import Facts, InterfaceFacts
from lbrouter.model.kernel_state import Device, DeviceKind
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.objects.link_setting import LinkProperty, LinkSetting

ETHERNET_MTU: Final = 1500
"""What any Ethernet interface takes. A larger packet of a line needs a larger MTU below it."""

PPPOE_HEADER_BYTES: Final = 8


def vlan_devices(config: Config, facts: Facts) -> Iterator[Device]:
    """The device of each provider's tag; none while the port below is missing."""
    for name, uplink in config.uplinks.items():
        if uplink.vlan is not None and uplink.port in facts.interfaces:
            yield Device(
                name=uplink.interface,
                kind=DeviceKind.VLAN,
                parent=uplink.port,
                tag=uplink.vlan,
                why=phrase("tag of uplink {name}", name=name),
            )


def orphaned_devices(config: Config, facts: Facts) -> frozenset[str]:
    """The devices of providers' tags whose port is missing."""
    return frozenset(
        uplink.interface
        for uplink in config.uplinks.values()
        if uplink.vlan is not None and uplink.port not in facts.interfaces
    )


def with_planned_devices(config: Config, facts: Facts) -> Facts:
    """`facts` with the tagged devices that an apply makes first: they have their port's carrier.

    So the first apply of a file gives such a line its addresses, routes and classes at once.
    """
    planned = {
        device.name: _planned_device(device, facts.interfaces[device.parent])
        for device in vlan_devices(config, facts)
        if device.name not in facts.interfaces
    }
    return replace(facts, interfaces={**facts.interfaces, **planned}) if planned else facts


def _planned_device(device: Device, port: InterfaceFacts) -> InterfaceFacts:
    return InterfaceFacts(
        name=device.name,
        index=0,
        up=port.up,
        carrier=port.carrier,
        mtu=port.mtu,
        kind=DeviceKind.VLAN,
        parent=port.name,
        tag=device.tag,
        ours=True,
        mac=port.mac,
    )


def link_settings(config: Config) -> frozenset[LinkSetting]:
    """The MAC addresses and the larger MTUs that the file asks for."""
    return frozenset((*_mac_addresses(config), *_large_mtus(config)))


def _mac_addresses(config: Config) -> Iterator[LinkSetting]:
    for name, uplink in config.uplinks.items():
        if uplink.mac is not None:
            yield LinkSetting(
                interface=uplink.interface,
                kind=LinkProperty.MAC,
                value=uplink.mac,
                why=phrase("spoken towards the provider of {name}", name=name),
            )


def _large_mtus(config: Config) -> Iterator[LinkSetting]:
    """Of each interface below a line whose packets are larger than Ethernet's own."""
    wanted: dict[str, int] = {}
    for uplink in config.uplinks.values():
        needed = _frame_payload(uplink)
        for name in {uplink.port, uplink.interface} if needed > ETHERNET_MTU else ():
            wanted[name] = max(needed, wanted.get(name, 0))
    for name, mtu in wanted.items():
        yield LinkSetting(
            interface=name,
            kind=LinkProperty.MTU,
            value=str(mtu),
            why="a line on it has larger packets",
        )


def _frame_payload(uplink: Uplink) -> int:
    """Bytes that a frame below the line must carry; 0 where the file does not say."""
    if uplink.mtu is None:
        return 0
    return uplink.mtu + (PPPOE_HEADER_BYTES if uplink.addressing is Addressing.PPPOE else 0)


def narrow_mtu(uplink: Uplink, told: int | None, interfaces: Mapping[str, InterfaceFacts]) -> int:
    """The largest packet of a line where that is less than what its device takes; 0 else.

    The file counts first, then what the provider `told`.
    """
    mtu = uplink.mtu if uplink.mtu is not None else told
    device = interfaces.get(uplink.device)
    return mtu if mtu is not None and device is not None and mtu < device.mtu else 0
