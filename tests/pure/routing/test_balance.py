"""Shares: which uplinks carry a policy, and how evenly the slots are spread."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.routing.balance import (
    UplinkShare,
    apportion,
    gateway_uplink,
    select_uplinks,
    slot_table,
)
from lbrouter.model.config import Config
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.message import told
from lbrouter.model.reserved_ids import BALANCE_SLOTS
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

DOWN, DRAINED, DEGRADED = UplinkState.DOWN, UplinkState.DRAINED, UplinkState.DEGRADED
CONFIG = config_of(TWO_LINES.replace("metered = true", ""))
METERED = config_of(TWO_LINES)


def _chosen_weights(
    policy: str,
    health: GatewayHealth,
    *,
    config: Config = CONFIG,
    family: AddressFamily = AddressFamily.V4,
) -> dict[str, int]:
    shares = select_uplinks(config, config.policies[policy], health, family, facts_of(config))
    return {share.uplink: share.weight for share in shares}


@pytest.mark.parametrize(
    "policy, states, expected",
    [
        ("show", {}, {"fiber": 1}),
        ("show", {"fiber": DOWN}, {"lte": 1}),
        ("show", {"fiber": DRAINED}, {"lte": 1}),
        ("show", {"fiber": DOWN, "lte": DOWN}, {}),
        ("show", {"fiber": DRAINED, "lte": DOWN}, {}),
        ("spread", {}, {"fiber": 70, "lte": 30}),
        ("spread", {"lte": DOWN}, {"fiber": 70}),
        ("spread", {"fiber": DOWN}, {"lte": 30}),
        ("each", {}, {"fiber": 50_000_000, "lte": 20_000_000}),
    ],
)
def test_health_decides_who_carries_new_flows(
    policy: str, states: dict[str, UplinkState], expected: dict[str, int]
) -> None:
    assert _chosen_weights(policy, health_of(CONFIG, **states)) == expected


def test_a_metered_uplink_is_used_only_when_no_unmetered_one_is_healthy() -> None:
    assert _chosen_weights("spread", health_of(METERED), config=METERED) == {"fiber": 70}
    dead = health_of(METERED, fiber=DOWN)
    assert _chosen_weights("spread", dead, config=METERED) == {"lte": 30}


def test_a_family_is_carried_only_by_uplinks_that_have_it() -> None:
    health = health_of(CONFIG)
    assert _chosen_weights("spread", health, family=AddressFamily.V6) == {"fiber": 70}
    assert _chosen_weights("show", health_of(CONFIG, fiber=DOWN), family=AddressFamily.V6) == {}


def test_an_uplink_out_of_one_policys_tolerance_stays_in_the_others() -> None:
    bad = UplinkHealth(
        state=DEGRADED, why=told("loss 12 %"), excluded_policies=frozenset({"show"}), badness=12
    )
    health = GatewayHealth(uplinks={**health_of(CONFIG).uplinks, "fiber": bad})
    assert _chosen_weights("show", health) == {"lte": 1}
    assert _chosen_weights("spread", health) == {"fiber": 70, "lte": 30}


def test_with_none_fit_the_least_bad_that_lives_carries_all() -> None:
    left = frozenset({"show", "spread"})
    health = GatewayHealth(
        uplinks={
            "fiber": UplinkHealth(state=DEGRADED, why=told(""), excluded_policies=left, badness=30),
            "lte": UplinkHealth(state=DEGRADED, why=told(""), excluded_policies=left, badness=9),
        }
    )
    assert _chosen_weights("show", health) == {"lte": 1}
    assert _chosen_weights("spread", health) == {"lte": 1}


def test_a_pin_holds_while_its_uplink_lives() -> None:
    pinned = GatewayHealth(uplinks=health_of(CONFIG).uplinks, pins={"show": "lte"})
    assert _chosen_weights("show", pinned) == {"lte": 1}
    dead = GatewayHealth(uplinks=health_of(CONFIG, lte=DOWN).uplinks, pins={"show": "lte"})
    assert _chosen_weights("show", dead) == {"fiber": 1}


def test_weights_fall_back_to_equal_when_a_rate_is_unknown() -> None:
    config = config_of(TWO_LINES.replace('upload = "20mbit"\n', "").replace("metered = true", ""))
    assert _chosen_weights("each", health_of(config), config=config) == {"fiber": 1, "lte": 1}


def test_weight_zero_is_the_last_resort() -> None:
    config = config_of(TWO_LINES.replace("lte = 30", "lte = 0").replace("metered = true", ""))
    assert _chosen_weights("spread", health_of(config), config=config) == {"fiber": 70}
    dead = health_of(config, fiber=DOWN)
    assert _chosen_weights("spread", dead, config=config) == {"lte": 1}


@pytest.mark.parametrize(
    "states, family, expected",
    [
        ({}, AddressFamily.V4, "fiber"),
        ({"fiber": DOWN}, AddressFamily.V4, "lte"),
        ({"fiber": DEGRADED, "lte": DOWN}, AddressFamily.V4, "fiber"),
        ({"fiber": DOWN, "lte": DOWN}, AddressFamily.V4, "fiber"),
        ({"fiber": DOWN}, AddressFamily.V6, "fiber"),
    ],
)
def test_the_gateways_own_traffic_takes_the_best_line(
    states: dict[str, UplinkState], family: AddressFamily, expected: str
) -> None:
    assert gateway_uplink(CONFIG, health_of(CONFIG, **states), family, facts_of(CONFIG)) == expected


def test_without_any_way_out_there_is_no_best() -> None:
    bare = facts_of(CONFIG, without=("wan1", "wan2"))
    assert gateway_uplink(CONFIG, health_of(CONFIG), AddressFamily.V4, bare) is None


WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=15)


@given(WEIGHTS)
def test_the_slot_table_gives_each_its_share(weights: list[int]) -> None:
    shares = [UplinkShare(uplink=f"u{i}", weight=w) for i, w in enumerate(weights)]
    slots = slot_table(shares)
    assert len(slots) == BALANCE_SLOTS
    counts = Counter(slots)
    exact = [BALANCE_SLOTS * weight / sum(weights) for weight in weights]
    lifted = sum(each < 1 for each in exact)
    for share, slots_due in zip(shares, exact, strict=True):
        assert counts[share.uplink] >= 1
        assert -1 - lifted < counts[share.uplink] - slots_due < 1


def test_a_weight_above_zero_has_at_least_one_slot() -> None:
    shares = [UplinkShare(uplink="a", weight=999), UplinkShare(uplink="b", weight=1)]
    assert Counter(slot_table(shares)) == {"a": 119, "b": 1}


@given(WEIGHTS, st.integers(0, 10_000))
def test_apportion_keeps_the_whole(weights: list[int], total: int) -> None:
    assert sum(apportion(weights, total)) == total


def test_every_twenty_flows_in_a_row_hold_seventy_to_thirty() -> None:
    slots = slot_table([UplinkShare(uplink="a", weight=70), UplinkShare(uplink="b", weight=30)]) * 2
    for start in range(BALANCE_SLOTS):
        assert Counter(slots[start : start + 20]) == {"a": 14, "b": 6}


def test_equal_lines_do_not_alternate_strictly() -> None:
    slots = slot_table([UplinkShare(uplink="a", weight=1), UplinkShare(uplink="b", weight=1)])
    assert any(one == two for one, two in pairwise(slots))


def test_no_shares_no_slot_table() -> None:
    assert slot_table([]) == ()
