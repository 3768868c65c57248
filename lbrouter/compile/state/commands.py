"""An operation as a command line of `ip`, `sysctl`, `tc` or `nft`: what a person would type.

The commands are for reading, and for use in an emergency; lbrouter itself uses netlink.
"""

import shlex
from collections.abc import Callable, Mapping
from typing import Any, Final

from lbrouter.compile.shaping.htb import GATEWAY_MINOR, HTB_MAJOR, classid_text
from lbrouter.model.kernel_state import (
    Address,
    AddressFamily,
    Device,
    DeviceKind,
    HtbClass,
    LinkAdminState,
    ManagedObject,
    NftElements,
    NftTable,
    Qdisc,
    Redirect,
    Route,
    Rule,
    Sysctl,
)
from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.objects.link_setting import LinkSetting
from lbrouter.model.plan import Action, Operation
from lbrouter.model.reserved_ids import NFT_TABLE, ROUTE_PROTOCOL, nft_table_of
from lbrouter.model.wireguard_tunnel import WireguardTunnel

ROUTE_TABLE_NAMES: Final = {253: "default", 254: "main", 255: "local"}
"""Names that iproute2 knows without a file."""

MAX_SHOWN_ELEMENTS: Final = 4
"""A slot table has 120 slots: the first few are shown, the rest are counted."""

TC_RATE_UNITS: Final = ((10**9, "gbit"), (10**6, "mbit"), (10**3, "kbit"))


def command_line(operation: Operation) -> str:
    """The operation as a command line, without its reason; several are joined by "; "."""
    if isinstance(operation.managed_object, NftTable):
        return _nft(operation)
    if operation.action is Action.CHANGE and isinstance(operation.new, Rule):
        # Rules have no "replace": the new one is put beside the old, then the old one goes.
        assert isinstance(operation.old, Rule)
        return f"{_rule(operation.new, Action.ADD)}; {_rule(operation.old, Action.REMOVE)}"
    return noun_command(operation.managed_object, operation.action)


def noun_command(noun: ManagedObject, verb: Action) -> str:
    """The command that adds, changes or removes `noun`, whatever was there before."""
    return _NOUN_COMMANDS[type(noun)](noun, verb)


def tc_rate(bits_per_second: int) -> str:
    """A rate as `tc` takes it, in the largest unit that says it exactly: 12500000 = "12500kbit"."""
    for factor, unit in TC_RATE_UNITS:
        if bits_per_second and bits_per_second % factor == 0:
            return f"{bits_per_second // factor}{unit}"
    return f"{bits_per_second}bit"


def tc_classid(classid: tuple[int, int]) -> str:
    """A class as `tc` prints it: major and minor in hexadecimal, "4c01:12"."""
    return f"{classid[0]:x}:{classid[1]:x}"


def _sysctl(setting: Sysctl, _: Action) -> str:
    """Slashes become dots and dots slashes, as sysctl(8) reads them: conf.enp3s0/10.rp_filter."""
    name = setting.path.translate(str.maketrans("/.", "./"))
    return f"sysctl -w {name}={shlex.quote(setting.value)}"


def _link(link: LinkAdminState, _: Action) -> str:
    return f"ip link set {link.interface} {'up' if link.up else 'down'}"


def _link_setting(setting: LinkSetting, _: Action) -> str:
    return f"ip link set {setting.interface} {setting.kind} {setting.value}"


def _device(device: Device, verb: Action) -> str:
    if verb is Action.REMOVE:
        return f"ip link del {device.name}"
    if device.kind is DeviceKind.VLAN:
        return f"ip link add link {device.parent} name {device.name} type vlan id {device.tag}"
    return f"ip link add name {device.name} type {device.kind}"


def _tunnel(tunnel: WireguardTunnel, verb: Action) -> str:
    """The private key stands in a file, never here."""
    if verb is Action.REMOVE:
        return f"wg set {tunnel.interface} peer {tunnel.peer_key} remove"
    return (
        f"wg set {tunnel.interface} private-key KEY-FILE listen-port {tunnel.listen_port}"
        f" fwmark {tunnel.fwmark:#x} peer {tunnel.peer_key} endpoint {tunnel.peer_endpoint}"
        f" persistent-keepalive {tunnel.keepalive_s} allowed-ips {tunnel.allowed}"
    )


def _address(address: Address, verb: Action) -> str:
    names = {Action.ADD: "add", Action.CHANGE: "replace", Action.REMOVE: "del"}
    command = f"ip addr {names[verb]} {address.address} dev {address.interface}"
    if verb is Action.REMOVE:
        return command
    flag = "" if address.prefix_route else " noprefixroute"
    old = " preferred_lft 0" if address.deprecated else ""
    return f"{command}{flag}{old} proto {ROUTE_PROTOCOL}"


def _route(route: Route, verb: Action) -> str:
    name = "del" if verb is Action.REMOVE else "replace"
    kind = "" if route.interface else "unreachable "
    destination = "default" if route.destination.prefixlen == 0 else str(route.destination)
    command = f"{_ip_command(route.family)} route {name} {kind}{destination}"
    via = f" via {route.gateway}" if route.gateway is not None else ""
    device = f" dev {route.interface}" if route.interface else ""
    source = f" src {route.source}" if route.source is not None else ""
    return (
        f"{command}{via}{device}{' onlink' if route.onlink else ''}{source}"
        f" table {_table_name(route.table)}{f' metric {route.metric}' if route.metric else ''}"
        f" proto {ROUTE_PROTOCOL}{f' mtu {route.mtu}' if route.mtu else ''}"
    )


def _rule(rule: Rule, verb: Action) -> str:
    name = "del" if verb is Action.REMOVE else "add"
    mark = f" fwmark {rule.mark:#x}/{rule.mask:#x}" if rule.mask else ""
    arriving = f" iif {rule.in_interface}" if rule.in_interface else ""
    out = f" oif {rule.out_interface}" if rule.out_interface else ""
    action = f" lookup {_table_name(rule.table)}" if rule.table else " unreachable"
    suppress = rule.suppress_prefix_length
    suppressed = "" if suppress is None else f" suppress_prefixlength {suppress}"
    command = f"{_ip_command(rule.family)} rule {name} pref {rule.priority}"
    return f"{command}{arriving}{mark}{out}{action}{suppressed} protocol {ROUTE_PROTOCOL}"


def _qdisc(qdisc: Qdisc, verb: Action) -> str:
    place = qdisc.parent if isinstance(qdisc.parent, str) else f"parent {tc_classid(qdisc.parent)}"
    if verb is Action.REMOVE:
        return f"tc qdisc del dev {qdisc.interface} {place}"
    handle = f" handle {qdisc.handle:x}:" if qdisc.handle else ""
    options = "".join(f" {name} {value}".rstrip() for name, value in qdisc.options)
    kind = "" if qdisc.kind == place else f" {qdisc.kind}"
    name = "replace" if qdisc.replaces else verb
    return f"tc qdisc {name} dev {qdisc.interface} {place}{handle}{kind}{options}"


def _class(htb: HtbClass, verb: Action) -> str:
    where = f"dev {htb.interface} classid {tc_classid(htb.classid)}"
    if verb is Action.REMOVE:
        return f"tc class del {where}"
    parent = (
        tc_classid(htb.parent).removesuffix("0") if not htb.parent[1] else tc_classid(htb.parent)
    )
    least = f" mpu {htb.mpu}" if htb.mpu else ""
    line = f" overhead {htb.overhead}{least}" if htb.overhead or htb.mpu else ""
    return (
        f"tc class {verb} dev {htb.interface} parent {parent} classid {tc_classid(htb.classid)}"
        f" htb prio {htb.prio} rate {tc_rate(htb.rate)} ceil {tc_rate(htb.ceil)}"
        f" burst {htb.burst}b cburst {htb.cburst}b quantum {htb.quantum}{line}"
    )


def _redirect(redirect: Redirect, verb: Action) -> str:
    """The filter, and its clsact: removing the clsact removes the filter."""
    device = redirect.interface
    if verb is Action.REMOVE:
        return f"tc qdisc del dev {device} clsact"
    everything = f"{redirect.direction} protocol all u32 match u32 0 0"
    filtered = f"tc filter add dev {device} {everything}"
    if not redirect.to:
        return (
            f"tc qdisc add dev {device} clsact; {filtered}"
            f" flowid {classid_text((HTB_MAJOR, GATEWAY_MINOR))}"
        )
    return (
        f"tc qdisc add dev {device} clsact;"
        f" {filtered} action mirred egress redirect dev {redirect.to}"
    )


def _nft(operation: Operation) -> str:
    """Structure as one file, elements as the commands that lead from the old ones to the new."""
    new, old = operation.new, operation.old
    if isinstance(new, NftTable) and isinstance(old, NftTable) and new.structure == old.structure:
        nothing: NftElements = frozenset()
        changes = []
        for name in sorted({*old.elements, *new.elements}):
            before, after = old.elements.get(name, nothing), new.elements.get(name, nothing)
            changes += [_element_command("delete", name, before - after)] if before - after else []
            changes += [_element_command("add", name, after - before)] if after - before else []
        return "; ".join(changes)
    assert isinstance(operation.managed_object, NftTable)
    return _structure(operation.managed_object, operation.action)


def _structure(table: NftTable, verb: Action) -> str:
    if verb is Action.REMOVE:
        return f"nft delete table inet {NFT_TABLE}"
    count = sum(len(elements) for elements in table.elements.values())
    return f"nft -f ruleset (table inet {NFT_TABLE}, {count} elements)"


def _element_command(verb: str, name: str, elements: NftElements) -> str:
    ordered = sorted(elements, key=_element_sort_key)
    # A deletion names the key alone: the value may already be another one.
    shown = [
        f"{key} : {value}" if value and verb == "add" else key
        for key, value in ordered[:MAX_SHOWN_ELEMENTS]
    ]
    more = len(elements) - len(shown)
    listed = ", ".join([*shown, f"… {more} more"] if more else shown)
    return f"nft {verb} element {nft_table_of(name)} {name} {{ {listed} }}"


def _element_sort_key(element: tuple[str, str]) -> tuple[int, str]:
    """Numbers by size, slot 2 before slot 10; all else alphabetically."""
    key = element[0]
    return (len(key) if key.isdigit() else 0, key)


def _service(service: ManagedProcess, verb: Action) -> str:
    """A changed file needs a new process: dnsmasq reads its options once, when it starts."""
    end = f"kill $(cat {shlex.quote(service.pid_file)})"
    start = shlex.join(service.argv)
    return {Action.ADD: start, Action.CHANGE: f"{end}; {start}", Action.REMOVE: end}[verb]


def _ip_command(family: AddressFamily) -> str:
    return "ip" if family is AddressFamily.V4 else "ip -6"


def _table_name(number: int) -> str:
    return ROUTE_TABLE_NAMES.get(number, str(number))


_NOUN_COMMANDS: Final[Mapping[type, Callable[[Any, Action], str]]] = {
    Sysctl: _sysctl,
    Device: _device,
    WireguardTunnel: _tunnel,
    LinkAdminState: _link,
    LinkSetting: _link_setting,
    Address: _address,
    Route: _route,
    Rule: _rule,
    Qdisc: _qdisc,
    HtbClass: _class,
    Redirect: _redirect,
    NftTable: _structure,
    ManagedProcess: _service,
}
