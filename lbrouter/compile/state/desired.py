"""`desired_state`: configuration, health and facts in, the state that the kernel should hold out.

Boot, `apply`, a failover, a repair, a rollback and `down` all use this; they differ only in
their inputs. Each part is compiled by the module of its subsystem.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from lbrouter.compile.firewall.blocked_clients import with_blocked
from lbrouter.compile.firewall.elements import elements, interfaces_of
from lbrouter.compile.firewall.ruleset import digest, structure
from lbrouter.compile.routing import interface_addresses, lane_lines, routes, uplink_links
from lbrouter.compile.shaping.build import ShapingPlan, build_shaping
from lbrouter.compile.shaping.lane_classes import class_elements
from lbrouter.compile.state.sysctls import sysctls
from lbrouter.model.config import Config, Vlan
from lbrouter.model.facts import Allocation, Facts, ObserveScope
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import (
    Device,
    DeviceKind,
    KernelState,
    LinkAdminState,
    NftTable,
    Sysctl,
)
from lbrouter.model.messages.phrase import phrase


def desired_state(
    config: Config,
    *,
    allocation: Allocation,
    health: GatewayHealth,
    facts: Facts,
    baseline: KernelState,
    shaping: ShapingPlan | None = None,
    blocked: Collection[str] = (),
) -> KernelState:
    """What the kernel should hold for `config`; settings no longer ours are as in `baseline`.

    `shaping` is the plan of the same inputs and of the operator's limits; None stands for no limit.
    `blocked` are the hardware addresses that an operator has shut out.
    """
    shaped = shaping or build_shaping(config, allocation=allocation, health=health, facts=facts)
    devices = _devices(config, facts, shaped)
    created = frozenset(device.name for device in devices)
    # A lane's device that stands and is not wanted any more has no settings of its own to keep.
    there = created | frozenset(facts.interfaces) - {lane.device for lane in config.lanes()}
    # pppd raises a ppp device itself, when its session is up.
    ppp = {u.device for u in config.uplinks.values() if u.device != u.interface}
    must_be_up = frozenset(
        LinkAdminState(interface=name, up=True, why="the file names it")
        for name in interfaces_of(config)
        if name in there and name not in ppp
    )
    text = structure(
        config,
        allocation,
        connection_table_size=facts.connection_table_size,
        neighbour_table_size=facts.neighbour_table_size,
    )
    all_elements = elements(config, allocation=allocation, health=health, facts=facts)
    wanted = KernelState(
        sysctls=sysctls(config, there),
        devices=devices,
        tunnels=lane_lines.tunnels(config, allocation.uplinks, health, facts),
        links=must_be_up | shaped.links | lane_lines.links(config, facts),
        link_settings=frozenset(
            setting for setting in uplink_links.link_settings(config) if setting.interface in there
        ),
        addresses=interface_addresses.addresses(config, facts, created),
        routes=routes.routes(
            config, allocation=allocation, health=health, facts=facts, created=created
        ),
        rules=routes.rules(config, allocation),
        qdiscs=shaped.qdiscs,
        classes=shaped.classes,
        redirects=shaped.redirects,
        nft=with_blocked(
            NftTable(
                structure=digest(text),
                elements={
                    **all_elements,
                    "class_of": shaped.elements,
                    **class_elements(config, allocation),
                },
                script=text,
                why="firewall, balancing, NAT",
            ),
            blocked,
        ),
    )
    return with_settings(wanted, restored_settings(baseline, facts, excluding=wanted))


def _devices(config: Config, facts: Facts, shaped: ShapingPlan) -> frozenset[Device]:
    """The devices that lbrouter makes: of VLANs, of providers' tags, of shaping and of lanes."""
    tagged = (d for d in uplink_links.vlan_devices(config, facts) if not _is_foreign(d, facts))
    lanes = lane_lines.devices(config, facts)
    return frozenset((*_vlan_devices(config, facts), *tagged, *shaped.devices, *lanes))


def state_after_down(baseline: KernelState, facts: Facts) -> KernelState:
    """What the kernel should hold after `down`: nothing of ours, settings as they were found."""
    return restored_settings(baseline, facts, excluding=KernelState())


def _vlan_devices(config: Config, facts: Facts) -> Iterable[Device]:
    """VLAN devices on the trunk; none while the trunk itself is missing.

    One that another program made is used as it is, and stays after `down`.
    """
    if config.lan is None or config.lan.trunk not in facts.interfaces:
        return
    for vlan in config.vlans.values():
        if vlan.id is not None and not _is_foreign(device := _vlan_device(config, vlan), facts):
            yield device


def _is_foreign(device: Device, facts: Facts) -> bool:
    """Whether this very device stands already, and is not ours."""
    standing = facts.interfaces.get(device.name)
    if standing is None or standing.ours:
        return False
    return (standing.parent, standing.tag) == (device.parent, device.tag)


def _vlan_device(config: Config, vlan: Vlan) -> Device:
    assert config.lan is not None
    assert vlan.id is not None
    return Device(
        name=config.vlan_device(vlan),
        kind=DeviceKind.VLAN,
        parent=config.lan.trunk,
        tag=vlan.id,
        why=phrase("VLAN {vlan}", vlan=vlan.name),
    )


def restored_settings(
    baseline: KernelState, facts: Facts, *, excluding: KernelState
) -> KernelState:
    """The settings of `baseline` that `excluding` does not set, if their interface still exists."""
    sysctls_set = {setting.path for setting in excluding.sysctls}
    links_set = {link.interface for link in excluding.links}
    properties_set = {setting.key for setting in excluding.link_settings}
    return KernelState(
        sysctls=frozenset(
            Sysctl(path=s.path, value=s.value, why="as it was found")
            for s in baseline.sysctls
            if s.path not in sysctls_set and _sysctl_exists(s.path, facts)
        ),
        links=frozenset(
            LinkAdminState(interface=link.interface, up=link.up, why="as it was found")
            for link in baseline.links
            if link.interface not in links_set and link.interface in facts.interfaces
        ),
        link_settings=frozenset(
            replace(setting, why="as it was found")
            for setting in baseline.link_settings
            if setting.key not in properties_set and setting.interface in facts.interfaces
        ),
    )


def with_settings(state: KernelState, settings: KernelState) -> KernelState:
    """`state` with the sysctls and link flags of `settings` beside its own."""
    return replace(
        state,
        sysctls=state.sysctls | settings.sysctls,
        links=state.links | settings.links,
        link_settings=state.link_settings | settings.link_settings,
    )


def _sysctl_exists(path: str, facts: Facts) -> bool:
    """Whether a sysctl's interface, if it has one (net/ipv4/conf/NAME/...), is still there."""
    parts = path.split("/")
    return parts[2] != "conf" or parts[3] in {"all", "default", *facts.interfaces}


def updated_baseline(baseline: KernelState, observed: KernelState, config: Config) -> KernelState:
    """The baseline after an apply of `config`: settings as found before lbrouter first set them.

    `observed` must be taken before the first change. What `config` does not set is given back by
    this apply, and so forgotten; devices of our own have no earlier settings.
    """
    scope = observation_scope(config, KernelState())
    ours = {device.name for device in observed.devices}
    known_paths = {setting.path for setting in baseline.sysctls}
    known_names = {link.interface for link in baseline.links}
    known_properties = {setting.key for setting in baseline.link_settings}
    return KernelState(
        sysctls=frozenset(s for s in baseline.sysctls if s.path in scope.sysctls)
        | {
            s
            for s in observed.sysctls
            if s.path in scope.sysctls - known_paths and not ours.intersection(s.path.split("/"))
        },
        links=frozenset(link for link in baseline.links if link.interface in scope.interfaces)
        | {
            link
            for link in observed.links
            if link.interface in scope.interfaces - known_names - ours
        },
        link_settings=frozenset(s for s in baseline.link_settings if s.key in scope.link_settings)
        | {
            s
            for s in observed.link_settings
            if s.key in scope.link_settings - known_properties and s.interface not in ours
        },
    )


def observation_scope(config: Config | None, baseline: KernelState) -> ObserveScope:
    """Where to look for what is ours: what the file names, and what the baseline remembers."""
    links = frozenset(link.interface for link in baseline.links)
    settings = frozenset(setting.path for setting in baseline.sysctls)
    properties = frozenset(setting.key for setting in baseline.link_settings)
    if config is None:
        return ObserveScope(interfaces=links, sysctls=settings, link_settings=properties)
    named = frozenset(interfaces_of(config))
    wanted = frozenset(setting.path for setting in sysctls(config, named))
    properties |= {setting.key for setting in uplink_links.link_settings(config)}
    return ObserveScope(
        interfaces=named | links, sysctls=wanted | settings, link_settings=properties
    )
