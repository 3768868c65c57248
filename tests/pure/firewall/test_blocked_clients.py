"""Clients that are shut out: a set, and the VLANs' way past the chain that looks."""

from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.firewall.blocked_clients import with_blocked
from lbrouter.compile.state.diff import diff
from lbrouter.model.kernel_state import KernelState, NftTable
from tests.kit.builders import TWO_LINES, config_of, desired_of

MACS = st.frozensets(st.integers(0, 255).map(lambda n: f"02:00:00:00:00:{n:02x}"), max_size=4)

STATE = desired_of(config_of(TWO_LINES))


def table_of(state: KernelState) -> NftTable:
    assert state.nft is not None
    return state.nft


def test_while_no_client_is_blocked_no_packet_is_compared() -> None:
    table = table_of(STATE)
    assert table.elements["blocked_clients"] == frozenset()
    assert ("lan2", "goto from_vlan_guests") in table.elements["prerouting_dispatch"]
    assert "chain screen_guests" in table.script


@given(MACS)
def test_a_block_changes_the_set_and_the_way_of_the_vlans_alone(macs: frozenset[str]) -> None:
    before = table_of(STATE)
    after = with_blocked(before, macs)
    assert {mac for mac, _ in after.elements["blocked_clients"]} == macs
    ways = dict(after.elements["prerouting_dispatch"])
    assert ways["wan1"] == dict(before.elements["prerouting_dispatch"])["wan1"]
    assert ways["lan2"] == f"goto {'screen' if macs else 'from_vlan'}_guests"
    same = {"blocked_clients", "prerouting_dispatch"}
    assert all(after.elements[n] == before.elements[n] for n in before.elements if n not in same)
    assert after.structure == before.structure


def test_the_way_back_is_the_way_before() -> None:
    table = table_of(STATE)
    blocked = with_blocked(table, {"02:00:00:00:00:01"})
    plan = diff(KernelState(nft=blocked), KernelState(nft=table))
    assert len(plan.operations) == 1
    assert with_blocked(table, ()) == table
