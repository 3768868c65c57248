"""Operations in the words of ip, sysctl, tc and nft."""

from ipaddress import ip_address, ip_interface, ip_network

import pytest

from lbrouter.compile.state.commands import command_line, tc_rate
from lbrouter.compile.state.diff import diff
from lbrouter.model.kernel_state import (
    Address,
    AddressFamily,
    Device,
    DeviceKind,
    HtbClass,
    KernelState,
    LinkAdminState,
    ManagedObject,
    NftTable,
    Qdisc,
    Redirect,
    Route,
    Rule,
    Sysctl,
)
from lbrouter.model.plan import Action, Operation, Phase
from tests.kit.builders import TWO_LINES, config_of, desired_of

DEFAULT = Route(
    table=7001,
    destination=ip_network("0.0.0.0/0"),
    interface="enp1s0",
    gateway=ip_address("203.0.113.1"),
)
CONNECTED = Route(
    table=7000,
    destination=ip_network("203.0.113.0/30"),
    interface="enp1s0",
    source=ip_address("203.0.113.2"),
    metric=1,
)
FAR = Route(
    table=7002,
    destination=ip_network("::/0"),
    interface="enp2s0",
    gateway=ip_address("2001:db8::1"),
    onlink=True,
)
UNREACHABLE = Route(table=254, destination=ip_network("::/0"), metric=9)
MARKED = Rule(family=AddressFamily.V6, priority=10031, table=7001, mark=0x1000000, mask=0xF000000)
MAIN = Rule(family=AddressFamily.V4, priority=10000, table=254, suppress_prefix_length=0)
UNREACHABLE_RULE = Rule(
    family=AddressFamily.V4, priority=10032, table=0, mark=0x2000000, mask=0xF000000
)
SOURCE_RULE = Rule(family=AddressFamily.V4, priority=10011, table=7001, out_interface="enp1s0")
VLAN_DEVICE = Device(name="enp3s0.10", kind=DeviceKind.VLAN, parent="enp3s0", tag=10)
IFB = Device(name="lbr-up", kind=DeviceKind.IFB)
UPLINK_ADDRESS = Address(
    interface="enp1s0", address=ip_interface("203.0.113.2/30"), prefix_route=False
)
VLAN_ADDRESS = Address(interface="enp3s0.10", address=ip_interface("fd10:10::1/64"))
ROOT = Qdisc(
    interface="enp1s0", handle=0x4C01, parent="root", kind="htb", options=(("default", "0xffe"),)
)
LEAF = Qdisc(interface="enp1s0", handle=0, parent=(0x4C01, 0x1012), kind="fq_codel")
INGRESS = Qdisc(interface="enp3s0", handle=0xFFFF, parent="ingress", kind="ingress")
VLAN_CLASS = HtbClass(
    interface="enp1s0",
    classid=(0x4C01, 0x1012),
    parent=(0x4C01, 0x1000),
    rate=12_000_000,
    ceil=47_500_000,
    burst=3028,
    cburst=5938,
    quantum=1514,
    prio=1,
)
UPLINK_CLASS = HtbClass(
    interface="enp1s0",
    classid=(0x4C01, 0x1000),
    parent=(0x4C01, 0),
    rate=1_000_000_000,
    ceil=1_000_000_000,
    burst=1,
    cburst=1,
    quantum=1,
    prio=0,
)
EGRESS_TO_IFB = Redirect(interface="enp2s0", direction="egress", to="")
EGRESS = Redirect(interface="enp1s0", direction="egress", to="lbr-up")
TABLE = NftTable(structure="a", elements={"uplinks": frozenset({("enp1s0", "")})}, script="x")


def operation_on(
    verb: Action, managed: ManagedObject, old: ManagedObject | None = None
) -> Operation:
    if verb is Action.REMOVE:
        return Operation(phase=Phase.GUARD, action=verb, new=None, old=managed, reason="")
    return Operation(phase=Phase.GUARD, action=verb, new=managed, old=old, reason="")


ADDED = {
    "sysctl -w net.ipv4.ip_forward=1": Sysctl(path="net/ipv4/ip_forward", value="1"),
    "sysctl -w net.ipv4.conf.enp3s0/10.rp_filter=2": Sysctl(
        path="net/ipv4/conf/enp3s0.10/rp_filter", value="2"
    ),
    "sysctl -w net.ipv4.ping_group_range='0 10'": Sysctl(
        path="net/ipv4/ping_group_range", value="0 10"
    ),
    "ip link add link enp3s0 name enp3s0.10 type vlan id 10": VLAN_DEVICE,
    "ip link add name lbr-up type ifb": IFB,
    "ip link set enp1s0 up": LinkAdminState(interface="enp1s0", up=True),
    "ip link set enp1s0 down": LinkAdminState(interface="enp1s0", up=False),
    "ip addr add 203.0.113.2/30 dev enp1s0 noprefixroute proto 76": UPLINK_ADDRESS,
    "ip addr add fd10:10::1/64 dev enp3s0.10 proto 76": VLAN_ADDRESS,
    "ip route replace default via 203.0.113.1 dev enp1s0 table 7001 proto 76": DEFAULT,
    "ip route replace 203.0.113.0/30 dev enp1s0 src 203.0.113.2 table 7000 metric 1 proto 76": (
        CONNECTED
    ),
    "ip -6 route replace default via 2001:db8::1 dev enp2s0 onlink table 7002 proto 76": FAR,
    "ip -6 route replace unreachable default table main metric 9 proto 76": UNREACHABLE,
    "ip -6 rule add pref 10031 fwmark 0x1000000/0xf000000 lookup 7001 protocol 76": MARKED,
    "ip rule add pref 10000 lookup main suppress_prefixlength 0 protocol 76": MAIN,
    "ip rule add pref 10032 fwmark 0x2000000/0xf000000 unreachable protocol 76": UNREACHABLE_RULE,
    "ip rule add pref 10011 oif enp1s0 lookup 7001 protocol 76": SOURCE_RULE,
    "tc qdisc add dev enp1s0 root handle 4c01: htb default 0xffe": ROOT,
    "tc qdisc add dev enp1s0 parent 4c01:1012 fq_codel": LEAF,
    "tc qdisc add dev enp3s0 ingress handle ffff:": INGRESS,
    "tc class add dev enp1s0 parent 4c01:1000 classid 4c01:1012 htb prio 1 rate 12mbit"
    " ceil 47500kbit burst 3028b cburst 5938b quantum 1514": VLAN_CLASS,
    "tc class add dev enp1s0 parent 4c01: classid 4c01:1000 htb prio 0 rate 1gbit ceil 1gbit"
    " burst 1b cburst 1b quantum 1": UPLINK_CLASS,
    "tc qdisc add dev enp1s0 clsact; tc filter add dev enp1s0 egress protocol all u32 match u32 0 0"
    " action mirred egress redirect dev lbr-up": EGRESS,
    "tc qdisc add dev enp2s0 clsact; tc filter add dev enp2s0 egress protocol all u32 match u32 0 0"
    " flowid 4c01:ffe": EGRESS_TO_IFB,
    "nft -f ruleset (table inet lbrouter, 1 elements)": TABLE,
}

REMOVED = {
    "ip link del enp3s0.10": VLAN_DEVICE,
    "ip addr del 203.0.113.2/30 dev enp1s0": UPLINK_ADDRESS,
    "ip route del default via 203.0.113.1 dev enp1s0 table 7001 proto 76": DEFAULT,
    "ip -6 rule del pref 10031 fwmark 0x1000000/0xf000000 lookup 7001 protocol 76": MARKED,
    "tc qdisc del dev enp1s0 root": ROOT,
    "tc qdisc del dev enp1s0 parent 4c01:1012": LEAF,
    "tc class del dev enp1s0 classid 4c01:1012": VLAN_CLASS,
    "tc qdisc del dev enp1s0 clsact": EGRESS,
    "nft delete table inet lbrouter": TABLE,
}


@pytest.mark.parametrize("command, managed", ADDED.items())
def test_what_is_added(command: str, managed: ManagedObject) -> None:
    assert command_line(operation_on(Action.ADD, managed)) == command


@pytest.mark.parametrize("command, managed", REMOVED.items())
def test_what_is_removed(command: str, managed: ManagedObject) -> None:
    assert command_line(operation_on(Action.REMOVE, managed)) == command


def test_a_changed_rule_is_put_beside_the_old_one_before_that_goes() -> None:
    old = Rule(family=AddressFamily.V4, priority=10090, table=7001)
    new = Rule(family=AddressFamily.V4, priority=10090, table=7000)
    assert command_line(operation_on(Action.CHANGE, new, old)) == (
        "ip rule add pref 10090 lookup 7000 protocol 76;"
        " ip rule del pref 10090 lookup 7001 protocol 76"
    )


def test_a_changed_class_is_changed_in_place() -> None:
    assert command_line(operation_on(Action.CHANGE, VLAN_CLASS, VLAN_CLASS)).startswith(
        "tc class change dev enp1s0"
    )


def nft_table(structure: str, **elements: set[tuple[str, str]]) -> NftTable:
    held = {name: frozenset(found) for name, found in elements.items()}
    return NftTable(structure=structure, elements=held)


def test_changed_elements_touch_no_structure_and_no_other_map() -> None:
    old = nft_table(
        "a", active={("ipv4", "goto set_mark_1")}, vlan_reach={("a . b", "")}, gone={("x", "")}
    )
    new = nft_table(
        "a", active={("ipv4", "goto set_mark_2")}, vlan_reach={("a . b", "")}, more={("y", "")}
    )
    assert command_line(operation_on(Action.CHANGE, new, old)).split("; ") == [
        "nft delete element inet lbrouter active { ipv4 }",
        "nft add element inet lbrouter active { ipv4 : goto set_mark_2 }",
        "nft delete element inet lbrouter gone { x }",
        "nft add element inet lbrouter more { y }",
    ]


def test_a_long_list_of_elements_is_cut_and_counted_in_the_order_of_its_numbers() -> None:
    slots = {(str(slot), f"goto remember_{slot % 2}") for slot in range(120)}
    command = command_line(operation_on(Action.CHANGE, nft_table("a", slots=slots), nft_table("a")))
    assert command == (
        "nft add element inet lbrouter slots { 0 : goto remember_0, 1 : goto remember_1,"
        " 2 : goto remember_0, 3 : goto remember_1, … 116 more }"
    )


def test_another_structure_is_loaded_whole() -> None:
    assert command_line(operation_on(Action.CHANGE, nft_table("b"), nft_table("a"))).startswith(
        "nft -f ruleset"
    )


@pytest.mark.parametrize(
    "rate, expected",
    [(0, "0bit"), (999, "999bit"), (8_000, "8kbit"), (12_500_000, "12500kbit"), (10**9, "1gbit")],
)
def test_rates_are_exact(rate: int, expected: str) -> None:
    assert tc_rate(rate) == expected


def test_every_operation_of_a_whole_gateway_has_commands_in_both_directions() -> None:
    desired = desired_of(config_of(TWO_LINES))
    there, back = diff(KernelState(), desired), diff(desired, KernelState())
    tools = {"ip", "sysctl", "tc", "nft"}
    for plan in (there, back):
        assert {command_line(operation).split()[0] for operation in plan.operations} <= tools
    assert {command_line(operation).split()[0] for operation in there.operations} == tools
