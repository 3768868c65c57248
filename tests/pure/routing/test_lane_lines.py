"""A lane's lines: which of them carry copies, and what the kernel holds for it."""

from dataclasses import replace

import pytest

from lbrouter.compile.firewall.lane_copies import elements
from lbrouter.compile.routing.lane_lines import carrying_lines, lane_mtu
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.commands import command_line
from lbrouter.compile.state.diff import diff
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import DeviceKind, KernelState
from lbrouter.model.lane import LaneFacts
from lbrouter.model.messages.message import told
from lbrouter.model.plan import Phase
from lbrouter.model.reserved_ids import VOID_DEVICE, nft_table_of
from lbrouter.model.wireguard_tunnel import WireguardTunnel
from tests.kit.builders import health_of
from tests.kit.lane_config import CONNECTED, KEYS, RELAY, lane_config, lane_machine, lane_state

CONFIG = lane_config()
[LANE] = CONFIG.lanes()
FACTS = lane_machine(CONFIG)
METERED = lane_config(('download = "40mbit"', 'download = "40mbit"\nmetered = true'))


def uplink(state: UplinkState = UplinkState.UP, **more: object) -> UplinkHealth:
    known: dict[str, object] = {"state": state, "why": told("said so"), **more}
    return UplinkHealth(**known)  # type: ignore[arg-type]


def health(config: Config = CONFIG, **lines: UplinkHealth) -> GatewayHealth:
    known = health_of(config)
    return replace(known, uplinks={**known.uplinks, **lines})


def carrying(config: Config = CONFIG, facts: Facts = FACTS, **lines: UplinkHealth) -> str:
    [lane] = config.lanes()
    return " ".join(carrying_lines(config, lane, health(config, **lines), facts))


DOWN = uplink(UplinkState.DOWN, alive=False)
IN_HOLD_DOWN = uplink(UplinkState.DOWN, alive=True)
LOSSY = uplink(UplinkState.DEGRADED, excluded_policies=frozenset({"show"}), recent_loss=20.0)
LOSSY_BEFORE = uplink(UplinkState.DEGRADED, excluded_policies=frozenset({"show"}), badness=20.0)
LOSSY_TOO = uplink(UplinkState.UP, recent_loss=10.0)
LOSSY_FOR_OTHERS = uplink(
    UplinkState.DEGRADED, excluded_policies=frozenset({"spread"}), recent_loss=20.0
)
SUSPECT = uplink(UplinkState.DEGRADED, excluded_policies=frozenset({"show"}), badness=104.0)
NEXTHOP_ALONE = uplink(UplinkState.DOWN, alive=True, badness=1000.0)
DRAINED = uplink(UplinkState.DRAINED)


@pytest.mark.parametrize(
    "fiber, lte, expected",
    [
        (uplink(), uplink(), "fiber lte"),
        (DOWN, uplink(), "lte"),
        (IN_HOLD_DOWN, uplink(), "fiber lte"),
        (LOSSY, uplink(), "lte"),
        (LOSSY_FOR_OTHERS, uplink(), "fiber lte"),
        (LOSSY_BEFORE, uplink(), "fiber lte"),
        (LOSSY, LOSSY_TOO, "fiber lte"),
        (LOSSY, SUSPECT, "fiber lte"),
        (SUSPECT, uplink(), "fiber lte"),
        (DRAINED, uplink(), "lte"),
        (uplink(UplinkState.DOWN, alive=True, drained=True), uplink(), "lte"),
        (LOSSY, LOSSY, "fiber lte"),
        (LOSSY, DOWN, "fiber"),
        (DOWN, DOWN, ""),
        (NEXTHOP_ALONE, uplink(), "lte"),
        (NEXTHOP_ALONE, SUSPECT, "lte"),
        (NEXTHOP_ALONE, NEXTHOP_ALONE, "fiber lte"),
        (NEXTHOP_ALONE, DOWN, "fiber"),
    ],
)
def test_a_line_carries_while_it_answers_and_is_within_the_lanes_tolerance(
    fiber: UplinkHealth, lte: UplinkHealth, expected: str
) -> None:
    assert carrying(fiber=fiber, lte=lte) == expected


@pytest.mark.parametrize(
    "fiber, lte, expected",
    [
        (uplink(), uplink(), "fiber"),
        (SUSPECT, uplink(), "fiber lte"),
        (DOWN, uplink(), "lte"),
        (LOSSY, uplink(), "lte"),
        (uplink(), DOWN, "fiber"),
    ],
)
def test_a_metered_line_waits_until_another_one_is_in_trouble(
    fiber: UplinkHealth, lte: UplinkHealth, expected: str
) -> None:
    assert carrying(METERED, lane_machine(METERED), fiber=fiber, lte=lte) == expected


def test_where_all_are_metered_all_carry() -> None:
    both = lane_config(
        ('download = "40mbit"', 'download = "40mbit"\nmetered = true'),
        ('download = "100mbit"', 'download = "100mbit"\nmetered = true'),
    )
    assert carrying(both, lane_machine(both)) == "fiber lte"


def test_a_line_without_an_address_carries_nothing() -> None:
    leased = lane_config(('address = "203.0.113.2/30"\ngateway = "203.0.113.1"', 'address="dhcp"'))
    assert carrying(leased, lane_machine(leased)) == "lte"


def test_the_largest_packet_is_that_of_the_smallest_line_less_wireguard() -> None:
    assert lane_mtu(CONFIG, LANE, FACTS) == 0, "1500 - 80 is what the device has anyway"
    narrow = replace(FACTS.interfaces["wan2"], mtu=1400)
    facts = replace(FACTS, interfaces={**FACTS.interfaces, "wan2": narrow})
    assert lane_mtu(CONFIG, LANE, facts) == 1320
    assert lane_mtu(CONFIG, LANE, replace(FACTS, interfaces={})) == 0
    state = lane_state(CONFIG, facts=lane_machine(CONFIG, replace(CONNECTED, mtu=1320)))
    [route] = [
        r for r in state.routes if r.interface == LANE.device and not r.destination.prefixlen
    ]
    assert route.mtu == 1320


def test_a_failover_changes_elements_of_the_lanes_table_alone() -> None:
    before, after = lane_state(CONFIG), lane_state(CONFIG, health=health(fiber=DOWN))
    assert before.nft is not None
    assert after.nft is not None
    assert before.nft.structure == after.nft.structure
    changed = {n for n, e in after.nft.elements.items() if e != before.nft.elements[n]}
    assert {name for name in changed if name.startswith("lane_")} == {"lane_nexthop_3_1"}
    words = [command_line(each) for each in diff(before, after).operations]
    assert any("nft delete element ip lbrouter lane_nexthop_3_1" in each for each in words)


def test_every_map_of_the_lanes_table_has_its_elements() -> None:
    table = lane_state(CONFIG).nft
    assert table is not None
    for name in [n for n in table.elements if n.startswith("lane_")]:
        assert f"\tmap {name} {{" in table.script
        assert nft_table_of(name) == "ip lbrouter"
    found = {line.split()[1] for line in table.script.splitlines() if "\tmap lane_" in line}
    assert found == {n for n in table.elements if n.startswith("lane_")}


def test_a_point_to_point_line_is_reached_by_the_relays_own_address() -> None:
    config = lane_config(
        (
            'address = "203.0.113.2/30"\ngateway = "203.0.113.1"',
            'address = "pppoe"\nusername = "a"\npassword_file = "/a"',
        )
    )
    facts = lane_machine(config)
    session = replace(facts.interfaces["ppp-fiber"], addresses=(LANE.inside_address,))
    facts = replace(facts, interfaces={**facts.interfaces, "ppp-fiber": session})
    found = elements(
        config,
        allocation=allocate(config, Allocation()),
        health=health_of(config),
        facts=facts,
    )
    assert {value for _, value in found["lane_nexthop_3_1"]} == {str(RELAY)}
    assert {value for _, value in found["lane_device_3_1"]} == {"ppp-fiber"}


def test_a_lane_without_keys_leaves_its_structure_and_makes_nothing() -> None:
    standing = {**FACTS.interfaces, LANE.device: FACTS.interfaces["wan1"]}
    more = FACTS.features | {"ifb", "u32"}
    facts = replace(FACTS, lanes={}, interfaces=standing, features=more)
    state = lane_state(CONFIG, facts=facts)
    assert not state.tunnels
    for kind in (state.sysctls, state.links, state.qdiscs, state.redirects, state.addresses):
        assert not [each for each in kind if LANE.device in str(each.key)]
    assert not {device.name for device in state.devices} & {VOID_DEVICE, LANE.device}
    assert state.nft is not None
    assert not any(e for n, e in state.nft.elements.items() if n.startswith("lane_nexthop"))


def test_a_first_handshake_waits_for_a_line_and_goes_out_when_packets_are_copied() -> None:
    dead = health(fiber=DOWN, lte=DOWN)
    waiting = lane_machine(CONFIG, replace(CONNECTED, handshake_age_s=None))
    assert not lane_state(CONFIG, facts=waiting, health=dead).tunnels
    assert lane_state(CONFIG, facts=FACTS, health=dead).tunnels, "keys are kept while they count"
    plan = diff(KernelState(), lane_state(CONFIG, facts=waiting)).operations
    phases = [each.phase for each in plan]
    [tunnel] = [n for n, each in enumerate(plan) if isinstance(each.new, WireguardTunnel)]
    assert phases.index(Phase.RULESET) < tunnel


def test_the_void_is_a_dummy_where_the_kernel_has_one() -> None:
    for facts, kind in (
        (FACTS, DeviceKind.IFB),
        (lane_machine(CONFIG, dummy=True), DeviceKind.DUMMY),
    ):
        kinds = {device.name: device.kind for device in lane_state(CONFIG, facts=facts).devices}
        assert kinds[VOID_DEVICE] is kind


def test_the_private_key_is_in_no_words() -> None:
    state = lane_state(CONFIG)
    plan = diff(KernelState(), state)
    gone = diff(state, KernelState())
    words = [command_line(each) for each in (*plan.operations, *gone.operations)]
    assert any(KEYS.public_key not in each and "wg set lbr-lane" in each for each in words)
    for text in (*words, repr(state), repr(FACTS), repr(plan)):
        assert KEYS.private_key not in text
    [tunnel] = state.tunnels
    assert tunnel.private_key == KEYS.private_key


def test_only_ipv4_goes_by_a_lane_and_without_a_lane_nothing_is_there() -> None:
    assert LaneFacts(keys=KEYS, relay_address=RELAY).connected is False
    assert replace(CONNECTED, handshake_age_s=500.0).connected is False
    plain = lane_config(
        ('over = ["fiber", "lte"]\nrelay = "192.0.2.7:51820"', "x"),
        ('[uplinks.lane]\naddress = "lane"\nx\n', ""),
        ('uplinks = ["lane", "fiber", "lte"]', 'uplinks = ["fiber", "lte"]'),
    )
    state = lane_state(plain)
    assert not state.tunnels
    assert state.nft is not None
    assert "table ip lbrouter" not in state.nft.script
