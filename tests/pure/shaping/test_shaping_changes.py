"""What a change makes of the class trees: a failover, another order, one more VLAN."""

from dataclasses import replace

from lbrouter.compile.shaping.build import IFB_UP
from lbrouter.model.kernel_state import HtbClass
from tests.kit.shaping_config import (
    FACTS,
    STREAM_BANDWIDTH,
    TRUNK_SECTION,
    TWO_RATED_UPLINKS,
    UPLINK_DOWN,
    bandwidth_both_ways,
    class_rates,
    config_from,
    shaping_of,
    vlan_section,
)


def test_a_guarantee_moves_to_the_uplink_that_is_left() -> None:
    guests = vlan_section(
        "guests", 2, policy="spread", more=bandwidth_both_ways('guaranteed = "6mbit"')
    )
    wanted = config_from(
        TWO_RATED_UPLINKS,
        TRUNK_SECTION,
        vlan_section("stream", 1, more=STREAM_BANDWIDTH, priority=1),
        guests,
    )
    whole = shaping_of(wanted)
    assert class_rates(whole, "ua")[0x1001] == 8_000_000
    assert class_rates(whole, "ua")[0x1002] + class_rates(whole, "ub")[0x2002] >= 5_000_000
    assert not [each for each in whole.shortfalls if each.vlan == "stream"]
    left = shaping_of(wanted, a=UPLINK_DOWN)
    assert class_rates(left, "ub")[0x2001] == 8_000_000
    assert class_rates(left, "ub")[0x2002] == 9_500_000 - 475_000 - 8_000_000
    short = next(each for each in left.shortfalls if each.direction == "upload")
    assert (short.vlan, short.guaranteed, short.granted) == ("guests", 6_000_000, 1_025_000)


def test_with_no_uplink_left_every_guarantee_is_short() -> None:
    found = shaping_of(
        config_from(
            TWO_RATED_UPLINKS, TRUNK_SECTION, vlan_section("stream", 1, more=STREAM_BANDWIDTH)
        ),
        a=UPLINK_DOWN,
        b=UPLINK_DOWN,
    )
    assert [(s.vlan, str(s.direction), s.granted) for s in found.shortfalls] == [
        ("stream", "upload", 0),
        ("stream", "download", 0),
    ]


def test_a_failover_changes_classes_and_nothing_else() -> None:
    wanted = config_from(
        TWO_RATED_UPLINKS,
        TRUNK_SECTION,
        vlan_section("stream", 1, more=STREAM_BANDWIDTH),
        vlan_section("guests", 2, policy="spread"),
    )
    before, after = shaping_of(wanted), shaping_of(wanted, a=UPLINK_DOWN)
    nothing = frozenset[HtbClass]()
    assert replace(before, classes=nothing, shortfalls=()) == replace(
        after, classes=nothing, shortfalls=()
    )
    assert {c.key for c in before.classes} == {c.key for c in after.classes}


def test_the_place_in_the_file_does_not_matter() -> None:
    one, two = (
        vlan_section("stream", 1, more=STREAM_BANDWIDTH),
        vlan_section("guests", 2, policy="spread"),
    )
    assert shaping_of(config_from(TWO_RATED_UPLINKS, TRUNK_SECTION, one, two)) == shaping_of(
        config_from(TRUNK_SECTION, two, one, TWO_RATED_UPLINKS)
    )


def test_inserting_a_vlan_renumbers_nothing() -> None:
    one, two = vlan_section("stream", 1, more=STREAM_BANDWIDTH), vlan_section("desk", 3)
    before = shaping_of(config_from(TWO_RATED_UPLINKS, TRUNK_SECTION, one, two))
    after = shaping_of(
        config_from(TWO_RATED_UPLINKS, TRUNK_SECTION, one, vlan_section("guests", 2), two)
    )
    assert before.elements < after.elements
    assert {c.key for c in before.classes} < {c.key for c in after.classes}


def test_what_is_not_plugged_in_is_not_shaped() -> None:
    limited = bandwidth_both_ways('guaranteed = "2mbit", ceiling = "15mbit"')
    wanted = config_from(
        TWO_RATED_UPLINKS,
        TRUNK_SECTION,
        vlan_section("stream", 1, more=STREAM_BANDWIDTH),
        vlan_section("guests", 2, more=limited),
    )
    bare = {name: FACTS.interfaces[name] for name in ("ua", "lan")}
    found = shaping_of(wanted, b=UPLINK_DOWN, facts=replace(FACTS, interfaces=bare))
    assert {qdisc.interface for qdisc in found.qdiscs} == {"ua", "lan", "lan.20", IFB_UP}
    assert {redirect.interface for redirect in found.redirects} == {"ua"}
    nothing = shaping_of(wanted, facts=replace(FACTS, interfaces={}))
    assert nothing.devices == nothing.redirects == nothing.qdiscs == nothing.classes == frozenset()
