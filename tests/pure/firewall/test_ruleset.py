"""Elements and structure: what the file says, in nft's words."""

import pytest

from lbrouter.compile.firewall.ruleset import digest, structure
from lbrouter.compile.firewall.templates import render_fragment
from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts
from lbrouter.model.health import UplinkState
from tests.kit.builders import TWO_LINES, config_of, desired_of, facts_of, health_of

CONFIG = config_of(TWO_LINES)
STATE = desired_of(CONFIG)
ELEMENTS = STATE.nft.elements
SCRIPT = STATE.nft.script


def test_every_interface_is_in_every_verdict_map() -> None:
    named = {key for key, _ in ELEMENTS["known_interfaces"]}
    assert named == {"wan1", "wan2", "lan1", "lan2", "lan3"}
    dispatch = ("prerouting_dispatch", "input_dispatch", "forward_dispatch", "vlan_egress_dispatch")
    for name in dispatch:
        assert {key for key, _ in ELEMENTS[name]} == named


def test_only_managing_vlans_reach_the_gateways_services() -> None:
    verdicts = dict(ELEMENTS["input_dispatch"])
    assert verdicts["lan3"] == "goto input_manage"
    assert verdicts["lan1"] == verdicts["lan2"] == "goto input_vlan"
    assert verdicts["wan1"] == "goto input_uplink"


def test_reach_is_one_way() -> None:
    assert ELEMENTS["vlan_reach"] == {("lan3 . lan1", "")}


def test_a_forward_on_any_uplink_stands_for_each() -> None:
    assert dict(ELEMENTS["port_forward4"]) == {
        "wan1 . tcp . 8443": "10.10.10.20 . 443",
        "wan2 . tcp . 8443": "10.10.10.20 . 443",
    }
    assert dict(ELEMENTS["port_forward6"]) == {"wan1 . tcp . 8443": "fd10:10::20 . 443"}


def test_nothing_with_our_own_or_bogus_sources_comes_in() -> None:
    bogon = {key for name in ("bogon4", "bogon6") for key, _ in ELEMENTS[name]}
    assert {"127.0.0.0/8", "10.10.10.0/24", "203.0.113.2", "fd10:10::/64", "2001:db8:1::2"} <= bogon


def test_a_failover_swaps_elements_and_no_structure() -> None:
    dead = desired_of(CONFIG, health=health_of(CONFIG, fiber=UplinkState.DOWN)).nft
    assert dead.structure == STATE.nft.structure
    changed = {name for name in ELEMENTS if ELEMENTS[name] != dead.elements[name]}
    for name, chain in (("vlan_mark_verdict", "move_flows"), ("own_mark_verdict", "forget_mark")):
        verdicts = dict(dead.elements[name])
        assert verdicts["ipv4 . 16777216"] == f"jump {chain}_1"
        assert verdicts["ipv4 . 33554432"] == "goto restore_mark_2"
    eligible = {name for name in ELEMENTS if name.startswith("eligible_spread_")}
    assert len(eligible) == 4
    maps = {"vlan_mark_verdict", "own_mark_verdict", "active_show", "class_of"}
    kept = {f"kept_{name}" for name in CONFIG.policies}
    slots = {f"slots_{name}_{family}" for name in ("spread", "each") for family in ("ip", "ip6")}
    assert changed <= maps | eligible | slots | kept
    assert dict(dead.elements["active_show"]) == {"ipv4": "goto assign_mark_2"}
    assert dead.elements["slots_spread_ip6"] == frozenset()


def test_clients_stay_on_an_uplink_only_while_the_slot_table_draws_it() -> None:
    assert ELEMENTS["eligible_spread_1_ip6"] == {("ipv6", "goto keep_spread_1_ip6")}
    assert ELEMENTS["eligible_spread_2_ip6"] == frozenset()
    assert "eligible_each_1_ip" not in ELEMENTS
    dead = desired_of(CONFIG, health=health_of(CONFIG, fiber=UplinkState.DOWN)).nft
    assert dead.elements["eligible_spread_1_ip"] == frozenset()
    assert dead.elements["eligible_spread_2_ip"] == {("ipv4", "goto keep_spread_2_ip")}


def test_the_slot_table_draws_uplinks_by_their_numbers() -> None:
    values = [value for _, value in ELEMENTS["slots_each_ip"]]
    assert set(values) == {"goto assign_mark_1"}  # lte is metered, and no client is remembered
    assert len(values) == 120
    assert {value for _, value in ELEMENTS["slots_spread_ip"]} == {"goto remember_spread_1_ip"}


@pytest.mark.parametrize(
    "line",
    [
        "meta nfproto ipv4 tcp dport { 1935 } goto policy_show",
        "ip daddr { 192.0.2.0/24 } goto policy_show",
        "ip6 daddr { 2001:db8:99::/48 } goto policy_show",
        "meta l4proto icmp goto policy_each",
        "udp dport { 3478 } goto policy_show",
        "update @sticky_mac_spread_1_ip6 { ether saddr timeout 600s }",
        "ip saddr != 10.10.10.0/24 goto foreign_source",
        "ip6 saddr != { fe80::/10, fd10:10::/64 } goto foreign_source",
        "meta mark set meta mark & $FOREIGN_MARK_MASK | 0x02000000",
    ],
)
def test_the_structure_says(line: str) -> None:
    assert line in SCRIPT


def test_rules_stand_in_the_files_order_and_only_for_their_vlan() -> None:
    guests = SCRIPT.count("chain rules_guests {")
    stream = SCRIPT.count("chain rules_stream {")
    # An empty chain each, and a jump to what is for all of them: 1935 is for guests alone.
    assert (guests, stream) == (3, 2)
    assert SCRIPT.index("\t\tjump shared_rules_1\n") > SCRIPT.index("rules.0")
    assert SCRIPT.index("rules.0") < SCRIPT.index("rules.1") < SCRIPT.index("rules.2")


def test_each_table_is_one_block() -> None:
    assert SCRIPT.count("table inet lbrouter {") == 1


def test_a_rule_for_every_vlan_stands_once_however_many_there_are() -> None:
    assert SCRIPT.count('comment "rules.2"') == 1


def test_a_rule_without_any_condition_takes_everything() -> None:
    config = config_of(TWO_LINES + '\n[[rules]]\nfrom = ["guests", "desk"]\npolicy = "show"\n')
    assert "meta nfproto { ipv4, ipv6 } goto policy_show" in desired_of(config).nft.script


def test_per_flow_policies_keep_no_clients() -> None:
    assert "sticky_each" not in SCRIPT
    assert "chain remember_each" not in SCRIPT


def test_the_digest_follows_the_structure() -> None:
    assert digest(SCRIPT) == STATE.nft.structure
    assert digest(SCRIPT + " ") != STATE.nft.structure


def test_a_placeholder_that_is_not_filled_is_an_error() -> None:
    with pytest.raises(KeyError):
        render_fragment("uplink", number=1)


def test_health_without_daemon_depends_on_interface_carrier_and_address() -> None:
    there = facts_of(CONFIG)
    assert {h.state for h in health_without_daemon(CONFIG, there).uplinks.values()} == {
        UplinkState.UP
    }
    gone = health_without_daemon(CONFIG, facts_of(CONFIG, without=("wan1",)))
    assert gone.uplinks["fiber"].state is UplinkState.WAITING
    assert "wan1 is not there" in gone.uplinks["fiber"].reason
    dark = health_without_daemon(CONFIG, facts_of(CONFIG, carrier=False))
    assert dark.uplinks["lte"].state is UplinkState.DOWN
    assert not dark.uplinks["lte"].alive


def test_an_uplink_without_an_address_waits() -> None:
    config = config_of('[gateway]\nname = "g"\n[uplinks.a]\ninterface = "wan1"\naddress = "dhcp"\n')
    known = health_without_daemon(config, facts_of(config)).uplinks["a"]
    assert known.state is UplinkState.WAITING
    watched = config_of(
        '[gateway]\nname = "g"\n[uplinks.a]\ninterface = "wan1"\naddress = "external"\n'
    )
    assert (
        health_without_daemon(watched, facts_of(watched)).uplinks["a"].state is UplinkState.WAITING
    )


def test_an_interface_that_is_still_down_counts_as_usable() -> None:
    low = InterfaceFacts(name="wan1", index=2, up=False, carrier=False, mtu=1500)
    facts = Facts(interfaces={**facts_of(CONFIG).interfaces, "wan1": low})
    assert health_without_daemon(CONFIG, facts).uplinks["fiber"].state is UplinkState.UP


def test_one_structure_for_one_file() -> None:
    assert structure(CONFIG, _allocation()) == SCRIPT


def _allocation() -> Allocation:
    return allocate(CONFIG, Allocation())
