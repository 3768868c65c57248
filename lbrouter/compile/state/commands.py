"""An operation in the words of `ip`, `sysctl`, `tc` and `nft`: what a person would type.

The words are for reading and for typing in an emergency; lbrouter itself speaks netlink.
"""

import shlex
from collections.abc import Callable, Mapping
from typing import Any, Final

from lbrouter.compile.shaping.htb import MAJOR, OWN, classid_text
from lbrouter.model.kernel_state import (
    Address,
    Device,
    DeviceKind,
    Elements,
    Family,
    HtbClass,
    LinkFlag,
    NftTable,
    Noun,
    Qdisc,
    Redirect,
    Route,
    Rule,
    Sysctl,
)
from lbrouter.model.managed_process import Service
from lbrouter.model.plan import Operation, Verb
from lbrouter.model.reserved_ids import NFT_TABLE, PROTOCOL

TABLE_NAMES: Final = {253: "default", 254: "main", 255: "local"}
"""Names that iproute2 knows without a file."""

SHOWN_ELEMENTS: Final = 4
"""A wheel has 120 slots: the first few say enough, the rest are counted."""

RATE_UNITS: Final = ((10**9, "gbit"), (10**6, "mbit"), (10**3, "kbit"))


def words(operation: Operation) -> str:
    """The operation as a command line, without its reason; several are joined by "; "."""
    if isinstance(operation.noun, NftTable):
        return _nft(operation)
    if operation.verb is Verb.CHANGE and isinstance(operation.new, Rule):
        return _rule_change(operation.new, operation.old)
    return noun_words(operation.noun, operation.verb)


def noun_words(noun: Noun, verb: Verb) -> str:
    """The command that adds, changes or removes `noun`, whatever was there before."""
    return _WORDS[type(noun)](noun, verb)


def rate_words(bits_per_second: int) -> str:
    """A rate as `tc` takes it, in the largest unit that says it exactly: 12500000 = "12500kbit"."""
    for factor, unit in RATE_UNITS:
        if bits_per_second and bits_per_second % factor == 0:
            return f"{bits_per_second // factor}{unit}"
    return f"{bits_per_second}bit"


def classid_words(classid: tuple[int, int]) -> str:
    """A class as `tc` prints it: major and minor in hexadecimal, "4c01:12"."""
    return f"{classid[0]:x}:{classid[1]:x}"


def _sysctl(setting: Sysctl, _: Verb) -> str:
    """Slashes become dots and dots slashes, as sysctl(8) reads them: conf.enp3s0/10.rp_filter."""
    name = setting.path.translate(str.maketrans("/.", "./"))
    return f"sysctl -w {name}={shlex.quote(setting.value)}"


def _link(link: LinkFlag, _: Verb) -> str:
    return f"ip link set {link.interface} {'up' if link.up else 'down'}"


def _device(device: Device, verb: Verb) -> str:
    if verb is Verb.REMOVE:
        return f"ip link del {device.name}"
    if device.kind is DeviceKind.VLAN:
        return f"ip link add link {device.parent} name {device.name} type vlan id {device.tag}"
    return f"ip link add name {device.name} type {device.kind}"


def _address(address: Address, verb: Verb) -> str:
    names = {Verb.ADD: "add", Verb.CHANGE: "replace", Verb.REMOVE: "del"}
    command = f"ip addr {names[verb]} {address.address} dev {address.interface}"
    if verb is Verb.REMOVE:
        return command
    flag = "" if address.prefix_route else " noprefixroute"
    return f"{command}{flag} proto {PROTOCOL}"


def _route(route: Route, verb: Verb) -> str:
    name = "del" if verb is Verb.REMOVE else "replace"
    kind = "" if route.interface else "unreachable "
    destination = "default" if route.destination.prefixlen == 0 else str(route.destination)
    command = f"{_ip(route.family)} route {name} {kind}{destination}"
    return (
        f"{command}{_nexthop(route)} table {_table(route.table)}{_metric(route)} proto {PROTOCOL}"
        f"{f' mtu {route.mtu}' if route.mtu else ''}"
    )


def _nexthop(route: Route) -> str:
    via = f" via {route.gateway}" if route.gateway is not None else ""
    device = f" dev {route.interface}" if route.interface else ""
    source = f" src {route.source}" if route.source is not None else ""
    return f"{via}{device}{' onlink' if route.onlink else ''}{source}"


def _metric(route: Route) -> str:
    return f" metric {route.metric}" if route.metric else ""


def _rule(rule: Rule, verb: Verb) -> str:
    name = "del" if verb is Verb.REMOVE else "add"
    mark = f" fwmark {rule.mark:#x}/{rule.mask:#x}" if rule.mask else ""
    out = f" oif {rule.out_interface}" if rule.out_interface else ""
    action = f" lookup {_table(rule.table)}" if rule.table else " unreachable"
    suppress = rule.suppress_prefix_length
    suppressed = "" if suppress is None else f" suppress_prefixlength {suppress}"
    command = f"{_ip(rule.family)} rule {name} pref {rule.priority}"
    return f"{command}{mark}{out}{action}{suppressed} protocol {PROTOCOL}"


def _rule_change(new: Rule, old: Noun | None) -> str:
    """Rules have no "replace": the new one is put beside the old, then the old one goes."""
    assert isinstance(old, Rule)
    return f"{_rule(new, Verb.ADD)}; {_rule(old, Verb.REMOVE)}"


def _qdisc(qdisc: Qdisc, verb: Verb) -> str:
    place = (
        qdisc.parent if isinstance(qdisc.parent, str) else f"parent {classid_words(qdisc.parent)}"
    )
    if verb is Verb.REMOVE:
        return f"tc qdisc del dev {qdisc.interface} {place}"
    handle = f" handle {qdisc.handle:x}:" if qdisc.handle else ""
    options = "".join(f" {name} {value}".rstrip() for name, value in qdisc.options)
    kind = "" if qdisc.kind == place else f" {qdisc.kind}"
    name = "replace" if qdisc.replaces else verb
    return f"tc qdisc {name} dev {qdisc.interface} {place}{handle}{kind}{options}"


def _class(htb: HtbClass, verb: Verb) -> str:
    where = f"dev {htb.interface} classid {classid_words(htb.classid)}"
    if verb is Verb.REMOVE:
        return f"tc class del {where}"
    parent = (
        classid_words(htb.parent).removesuffix("0")
        if not htb.parent[1]
        else classid_words(htb.parent)
    )
    least = f" mpu {htb.mpu}" if htb.mpu else ""
    line = f" overhead {htb.overhead}{least}" if htb.overhead or htb.mpu else ""
    return (
        f"tc class {verb} dev {htb.interface} parent {parent} classid {classid_words(htb.classid)}"
        f" htb prio {htb.prio} rate {rate_words(htb.rate)} ceil {rate_words(htb.ceil)}"
        f" burst {htb.burst}b cburst {htb.cburst}b quantum {htb.quantum}{line}"
    )


def _redirect(redirect: Redirect, verb: Verb) -> str:
    """The filter, and the clsact that it hangs on: with this goes that."""
    device = redirect.interface
    if verb is Verb.REMOVE:
        return f"tc qdisc del dev {device} clsact"
    everything = f"{redirect.direction} protocol all u32 match u32 0 0"
    filtered = f"tc filter add dev {device} {everything}"
    if not redirect.to:
        return f"tc qdisc add dev {device} clsact; {filtered} flowid {classid_text((MAJOR, OWN))}"
    return (
        f"tc qdisc add dev {device} clsact;"
        f" {filtered} action mirred egress redirect dev {redirect.to}"
    )


def _nft(operation: Operation) -> str:
    """Structure as one file, elements as the commands that lead from the old ones to the new."""
    new, old = operation.new, operation.old
    if isinstance(new, NftTable) and isinstance(old, NftTable) and new.structure == old.structure:
        return "; ".join(_element_changes(old.elements, new.elements))
    assert isinstance(operation.noun, NftTable)
    return _structure(operation.noun, operation.verb)


def _structure(table: NftTable, verb: Verb) -> str:
    if verb is Verb.REMOVE:
        return f"nft delete table inet {NFT_TABLE}"
    count = sum(len(elements) for elements in table.elements.values())
    return f"nft -f ruleset (table inet {NFT_TABLE}, {count} elements)"


def _element_changes(old: Mapping[str, Elements], new: Mapping[str, Elements]) -> list[str]:
    nothing: Elements = frozenset()
    changes = []
    for name in sorted({*old, *new}):
        before, after = old.get(name, nothing), new.get(name, nothing)
        changes += [_element_command("delete", name, before - after)] if before - after else []
        changes += [_element_command("add", name, after - before)] if after - before else []
    return changes


def _element_command(verb: str, name: str, elements: Elements) -> str:
    ordered = sorted(elements, key=_place)
    shown = [_element(key, value, verb) for key, value in ordered[:SHOWN_ELEMENTS]]
    more = len(elements) - len(shown)
    listed = ", ".join([*shown, f"… {more} more"] if more else shown)
    return f"nft {verb} element inet {NFT_TABLE} {name} {{ {listed} }}"


def _place(element: tuple[str, str]) -> tuple[int, str]:
    """Numbers by their size, slot 2 before slot 10; all else by its letters."""
    key = element[0]
    return (len(key) if key.isdigit() else 0, key)


def _element(key: str, value: str, verb: str) -> str:
    """A deletion names the key alone: the value may already be another one."""
    return f"{key} : {value}" if value and verb == "add" else key


def _service(service: Service, verb: Verb) -> str:
    """A changed file takes a new process: dnsmasq reads its options once, when it starts."""
    end = f"kill $(cat {shlex.quote(service.pid_file)})"
    start = shlex.join(service.argv)
    return {Verb.ADD: start, Verb.CHANGE: f"{end}; {start}", Verb.REMOVE: end}[verb]


def _ip(family: Family) -> str:
    return "ip" if family is Family.V4 else "ip -6"


def _table(number: int) -> str:
    return TABLE_NAMES.get(number, str(number))


_WORDS: Final[Mapping[type, Callable[[Any, Verb], str]]] = {
    Sysctl: _sysctl,
    Device: _device,
    LinkFlag: _link,
    Address: _address,
    Route: _route,
    Rule: _rule,
    Qdisc: _qdisc,
    HtbClass: _class,
    Redirect: _redirect,
    NftTable: _structure,
    Service: _service,
}
