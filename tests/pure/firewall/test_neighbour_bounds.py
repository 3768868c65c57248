"""Shares of the neighbour table: all links together never add more than half of it at once."""

from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.firewall.neighbour_bounds import (
    MAX_SHARE,
    YOUNG_FOR_S,
    link_names,
    neighbour_bound,
)
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.facts import Allocation
from tests.kit.builders import TWO_LINES, config_of, desired_of

CONFIG = config_of(TWO_LINES)
LINKS = len(CONFIG.uplinks) + len(CONFIG.vlans)


@given(st.integers(1024, 10**6))
def test_what_all_links_add_while_entries_are_young_fits_into_the_table(table_size: int) -> None:
    bound = neighbour_bound(CONFIG, table_size)
    added = LINKS * (bound.rate_per_s * YOUNG_FOR_S + bound.burst)
    assert 0 < added <= table_size // 2
    assert bound.burst <= MAX_SHARE


def test_a_small_table_leaves_each_link_something() -> None:
    bound = neighbour_bound(CONFIG, 64)
    assert bound.rate_per_s >= 1
    assert bound.burst >= 8


def test_each_link_has_its_chain_and_its_counters() -> None:
    state = desired_of(CONFIG)
    assert state.nft is not None
    names = link_names(CONFIG, allocate(CONFIG, Allocation()))
    assert set(names.values()) == {
        *(("vlan", name) for name in ("stream", "guests", "desk")),
        *(("uplink", name) for name in ("fiber", "lte")),
    }
    for link in names:
        assert f"chain bound_neighbours_{link} {{" in state.nft.script
        assert f"counter arp_refused_{link} {{" in state.nft.script
    bounded = {key for key, _ in state.nft.elements["neighbour_bounds"]}
    assert bounded == {"wan1", "wan2", "lan1", "lan2", "lan3"}
    assert {key for key, _ in state.nft.elements["arp_dispatch"]} == bounded
