"""Allocation of guarantees: within the line's rate, by priority, fair among equals."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lbrouter.compile.shaping.guarantees import Shortfall, VlanDemand, allocate_rates, shortfalls
from lbrouter.compile.shaping.htb import MIN_CLASS_RATE_BPS

MBIT = 1_000_000
UPLINKS = ("a", "b", "c")


def demand(
    vlan: str, wanted: int, *, active: dict[str, int], priority: int = 4, standby: str = ""
) -> VlanDemand:
    return VlanDemand(
        vlan=vlan,
        priority=priority,
        guaranteed=wanted,
        active_uplinks=active,
        standby_uplinks=frozenset(standby),
    )


def _demand_from_numbers(vlan: str, numbers: tuple[int, ...]) -> VlanDemand:
    """Weight of each uplink: positive is active, 0 is standby, negative is neither."""
    wanted, priority, *weights = numbers
    return VlanDemand(
        vlan=vlan,
        priority=priority,
        guaranteed=wanted,
        active_uplinks={u: w for u, w in zip(UPLINKS, weights, strict=True) if w > 0},
        standby_uplinks=frozenset(u for u, w in zip(UPLINKS, weights, strict=True) if w == 0),
    )


WEIGHT = st.integers(-1, 3)
NUMBERS = st.tuples(st.integers(0, 50 * MBIT), st.integers(1, 3), WEIGHT, WEIGHT, WEIGHT)
DEMANDS = st.lists(NUMBERS, max_size=5).map(
    lambda found: [
        _demand_from_numbers(f"v{index}", numbers) for index, numbers in enumerate(found)
    ]
)
ROOM = st.fixed_dictionaries(
    {
        uplink: st.integers(min_value=10 * MIN_CLASS_RATE_BPS, max_value=100 * MBIT)
        for uplink in UPLINKS
    }
)


@settings(deadline=None)
@given(ROOM, DEMANDS)
def test_no_uplink_gives_more_than_it_has(room: dict[str, int], wanted: list[VlanDemand]) -> None:
    rates = allocate_rates(room, wanted)
    assert set(rates) == {(uplink, each.vlan) for uplink in room for each in wanted}
    for uplink, has in room.items():
        assert sum(rate for (u, _), rate in rates.items() if u == uplink) <= has


@settings(deadline=None)
@given(ROOM, DEMANDS)
def test_every_rate_is_whole_bytes_and_at_least_the_floor(
    room: dict[str, int], wanted: list[VlanDemand]
) -> None:
    assert all(
        rate >= MIN_CLASS_RATE_BPS and rate % 8 == 0
        for rate in allocate_rates(room, wanted).values()
    )


@settings(deadline=None)
@given(ROOM, DEMANDS)
def test_nobody_gets_more_than_the_guarantee_on_what_carries_it(
    room: dict[str, int], wanted: list[VlanDemand]
) -> None:
    rates = allocate_rates(room, wanted)
    for each in wanted:
        got = sum(rates[uplink, each.vlan] for uplink in each.active_uplinks)
        assert got <= max(each.guaranteed, MIN_CLASS_RATE_BPS * len(each.active_uplinks))


@settings(deadline=None)
@given(ROOM, DEMANDS)
def test_a_shortfall_means_that_the_uplinks_are_full(
    room: dict[str, int], wanted: list[VlanDemand]
) -> None:
    """Full but for a byte of rounding for each VLAN."""
    rates = allocate_rates(room, wanted)
    short = {each.vlan for each in shortfalls(rates, wanted, "upload")}
    for each in wanted:
        for uplink in each.active_uplinks if each.vlan in short else ():
            used = sum(rate for (u, _), rate in rates.items() if u == uplink)
            assert room[uplink] - used < 8 * (len(wanted) + 1)


@settings(deadline=None)
@given(ROOM, DEMANDS)
def test_the_order_of_the_file_does_not_matter(
    room: dict[str, int], wanted: list[VlanDemand]
) -> None:
    assert allocate_rates(room, wanted) == allocate_rates(room, wanted[::-1])


@settings(deadline=None)
@given(ROOM, DEMANDS)
def test_a_lower_priority_takes_nothing_from_a_higher(
    room: dict[str, int], wanted: list[VlanDemand]
) -> None:
    """What the first priority gets on its uplinks is the same without all the others.

    The floor of those others is taken off the room, for it is theirs in any case.
    """
    first = [each for each in wanted if each.priority == 1]
    floors = MIN_CLASS_RATE_BPS * (len(wanted) - len(first))
    alone = allocate_rates({uplink: has - floors for uplink, has in room.items()}, first)
    together = allocate_rates(room, wanted)
    for each in first:
        for uplink in each.active_uplinks:
            assert together[uplink, each.vlan] == alone[uplink, each.vlan]


def test_the_important_one_is_served_first() -> None:
    wanted = [
        demand("guests", 6 * MBIT, active={"a": 1}, priority=4),
        demand("stream", 8 * MBIT, active={"a": 1}, priority=1),
    ]
    rates = allocate_rates({"a": 10 * MBIT}, wanted)
    assert rates == {("a", "stream"): 8 * MBIT, ("a", "guests"): 2 * MBIT}
    assert list(shortfalls(rates, wanted, "upload")) == [
        Shortfall(vlan="guests", direction="upload", guaranteed=6 * MBIT, granted=2 * MBIT)
    ]


def test_equals_are_cut_in_proportion() -> None:
    wanted = [demand("x", 12 * MBIT, active={"a": 1}), demand("y", 6 * MBIT, active={"a": 1})]
    rates = allocate_rates({"a": 9 * MBIT}, wanted)
    assert abs(rates["a", "x"] - 6 * MBIT) < 8_000
    assert abs(rates["a", "y"] - 3 * MBIT) < 8_000


def test_a_balanced_guarantee_follows_the_shares() -> None:
    rates = allocate_rates(
        {"a": 20 * MBIT, "b": 10 * MBIT}, [demand("x", 9 * MBIT, active={"a": 2, "b": 1})]
    )
    assert rates["a", "x"] + rates["b", "x"] == 9 * MBIT
    assert abs(rates["a", "x"] - 6 * MBIT) < 8_000


def test_what_one_uplink_lacks_is_asked_of_the_other() -> None:
    wanted = [demand("x", 12 * MBIT, active={"a": 1, "b": 1})]
    rates = allocate_rates({"a": 20 * MBIT, "b": 2 * MBIT}, wanted)
    assert rates["b", "x"] == 2 * MBIT
    assert rates["a", "x"] == 10 * MBIT


def test_a_standby_uplink_holds_the_guarantee_ready_but_gives_way() -> None:
    wanted = [
        demand("stream", 8 * MBIT, active={"a": 1}, priority=1, standby="b"),
        demand("guests", 5 * MBIT, active={"b": 1}, priority=4),
    ]
    rates = allocate_rates({"a": 20 * MBIT, "b": 10 * MBIT}, wanted)
    assert rates["b", "guests"] == 5 * MBIT
    assert rates["b", "stream"] == 5 * MBIT
    assert rates["a", "stream"] == 8 * MBIT


def test_without_an_uplink_all_is_missing() -> None:
    wanted = [demand("x", 1 * MBIT, active={}), demand("y", 0, active={})]
    found = list(shortfalls(allocate_rates({"a": MBIT}, wanted), wanted, "download"))
    assert found == [Shortfall(vlan="x", direction="download", guaranteed=MBIT, granted=0)]
