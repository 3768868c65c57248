"""Class trees of a configuration: which interfaces have one, and which rates stand in it."""

from dataclasses import replace

import pytest

from lbrouter.compile.shaping.build import IFB_DOWN, IFB_UP, ShapingPlan
from lbrouter.compile.shaping.htb import GATEWAY_MINOR, HTB_MAJOR, LOCAL_TRAFFIC_MINOR
from lbrouter.compile.shaping.placement import NO_FAIR_QUEUE_WARNING
from tests.kit.shaping_config import (
    BASE_CONFIG,
    FACTS,
    RATES_A,
    RATES_B,
    STREAM_BANDWIDTH,
    TRUNK_SECTION,
    TWO_RATED_UPLINKS,
    UPLINK_B,
    bandwidth_both_ways,
    class_rates,
    config_from,
    shaping_of,
    vlan_section,
)


def test_without_rates_nothing_is_shaped() -> None:
    assert (
        shaping_of(config_from(BASE_CONFIG, UPLINK_B, TRUNK_SECTION, vlan_section("stream", 1)))
        == ShapingPlan()
    )


def test_on_one_trunk_downloads_are_shaped_at_its_parent() -> None:
    found = shaping_of(
        config_from(
            TWO_RATED_UPLINKS,
            TRUNK_SECTION,
            vlan_section("stream", 1, more=STREAM_BANDWIDTH),
            vlan_section("guests", 2),
        )
    )
    assert {qdisc.interface for qdisc in found.qdiscs} == {"ua", "ub", "lan"}
    assert not found.devices
    assert not found.redirects
    assert ("lan.10 . ua", "4c01:1001") in found.elements
    assert ("ub . lan.20", "4c01:2002") in found.elements


def test_on_several_ports_downloads_meet_at_an_ifb() -> None:
    found = shaping_of(
        config_from(
            TWO_RATED_UPLINKS,
            vlan_section("stream", 1, port="ls"),
            vlan_section("guests", 2, port="lg"),
        )
    )
    assert {qdisc.interface for qdisc in found.qdiscs} == {"ua", "ub", IFB_DOWN}
    assert [device.name for device in found.devices] == [IFB_DOWN]
    assert [link.interface for link in found.links] == [IFB_DOWN]
    assert {(r.interface, r.direction, r.to) for r in found.redirects} == {
        ("ls", "egress", IFB_DOWN),
        ("lg", "egress", IFB_DOWN),
    }


def test_a_port_alone_needs_no_ifb_unless_its_vlan_has_a_ceiling() -> None:
    plain = shaping_of(config_from(TWO_RATED_UPLINKS, vlan_section("stream", 1, port="ls")))
    assert {qdisc.interface for qdisc in plain.qdiscs} == {"ua", "ub", "ls"}
    limited = 'download = { guaranteed = "1mbit", ceiling = "5mbit" }'
    ceiled = shaping_of(
        config_from(TWO_RATED_UPLINKS, vlan_section("stream", 1, port="ls", more=limited))
    )
    assert {qdisc.interface for qdisc in ceiled.qdiscs} == {"ua", "ub", "ls", IFB_DOWN}


def test_only_lines_with_a_rate_are_shaped() -> None:
    found = shaping_of(
        config_from(
            BASE_CONFIG,
            RATES_A,
            UPLINK_B,
            TRUNK_SECTION,
            vlan_section("stream", 1, more=STREAM_BANDWIDTH),
        )
    )
    assert {qdisc.interface for qdisc in found.qdiscs} == {"ua", "lan"}
    assert ("lan.10 . ub", "4c01:2001") not in found.elements
    assert ("ub . lan.10", "4c01:2001") in found.elements


def test_a_line_has_headroom_and_the_gateway_a_class_of_its_own() -> None:
    found = shaping_of(
        config_from(
            TWO_RATED_UPLINKS,
            TRUNK_SECTION,
            vlan_section("stream", 1, more=STREAM_BANDWIDTH, priority=1),
        )
    )
    classes = {c.classid: c for c in found.classes if c.interface == "ua"}
    assert classes[HTB_MAJOR, 0x1000].rate == 19_000_000
    own = classes[HTB_MAJOR, GATEWAY_MINOR]
    assert (own.prio, own.rate, own.ceil) == (0, 950_000, 19_000_000)
    stream = classes[HTB_MAJOR, 0x1001]
    assert (stream.prio, stream.rate, stream.ceil) == (1, 8_000_000, 19_000_000)
    root = next(q for q in found.qdiscs if q.interface == "ua" and q.parent == "root")
    assert root.options == (("default", "0xffe"),)


def test_a_ceiling_over_several_uplinks_has_a_tree_of_its_own() -> None:
    limited = bandwidth_both_ways('guaranteed = "2mbit", ceiling = "15mbit"')
    found = shaping_of(
        config_from(
            TWO_RATED_UPLINKS,
            TRUNK_SECTION,
            vlan_section("stream", 1),
            vlan_section("guests", 2, more=limited),
        )
    )
    assert class_rates(found, IFB_UP)[2] == class_rates(found, "lan.20")[2] == 15_000_000
    assert {(r.interface, r.to) for r in found.redirects} == {("ua", IFB_UP), ("ub", IFB_UP)}
    assert 1 not in class_rates(found, IFB_UP)


@pytest.mark.parametrize("policy, trees", [("one", 0), ("show", 1), ("spread", 1)])
def test_a_ceiling_on_one_shaped_line_needs_no_tree(policy: str, trees: int) -> None:
    limited = bandwidth_both_ways('guaranteed = "2mbit", ceiling = "15mbit"')
    found = shaping_of(
        config_from(
            TWO_RATED_UPLINKS, TRUNK_SECTION, vlan_section("guests", 2, policy=policy, more=limited)
        )
    )
    assert len(found.devices) == trees
    assert next(c.ceil for c in found.classes if c.classid == (HTB_MAJOR, 0x1002)) == 15_000_000


def test_a_ceiling_holds_on_a_line_that_is_not_shaped() -> None:
    limited = bandwidth_both_ways('guaranteed = "2mbit", ceiling = "15mbit"')
    found = shaping_of(
        config_from(
            BASE_CONFIG,
            UPLINK_B,
            RATES_B,
            TRUNK_SECTION,
            vlan_section("guests", 2, policy="one", more=limited),
        )
    )
    assert class_rates(found, IFB_UP)[2] == class_rates(found, "lan.20")[2] == 15_000_000
    assert ("lan.20 . ua", "4c01:1002") in found.elements


def test_a_rule_widens_what_a_vlan_may_use() -> None:
    limited = bandwidth_both_ways('guaranteed = "2mbit", ceiling = "15mbit"')
    guests = vlan_section("guests", 2, policy="one", more=limited)
    others = vlan_section("stream", 1)
    rule = '[[rules]]\nfrom = "{}"\npolicy = "show"\n'
    assert class_rates(
        shaping_of(
            config_from(TWO_RATED_UPLINKS, TRUNK_SECTION, guests, others, rule.format("guests"))
        ),
        IFB_UP,
    )
    assert not class_rates(
        shaping_of(
            config_from(TWO_RATED_UPLINKS, TRUNK_SECTION, guests, others, rule.format("stream"))
        ),
        IFB_UP,
    )
    anybody = '[[rules]]\nprotocol = "udp"\npolicy = "show"\n'
    assert class_rates(
        shaping_of(config_from(TWO_RATED_UPLINKS, TRUNK_SECTION, guests, others, anybody)), IFB_UP
    )


def test_traffic_between_vlans_is_not_the_gateways_own() -> None:
    desk = vlan_section("desk", 3, more='reach = ["stream"]')
    found = shaping_of(
        config_from(TWO_RATED_UPLINKS, TRUNK_SECTION, vlan_section("stream", 1), desk)
    )
    local = f"4c01:{LOCAL_TRAFFIC_MINOR:x}"
    assert ("lan.30 . lan.10", local) in found.elements
    assert ("lan.10 . lan.30", local) in found.elements


def test_without_a_fair_queue_there_is_a_warning() -> None:
    bare = replace(FACTS, features=frozenset())
    found = shaping_of(
        config_from(TWO_RATED_UPLINKS, TRUNK_SECTION, vlan_section("stream", 1)), facts=bare
    )
    assert found.warnings == (NO_FAIR_QUEUE_WARNING,)
    assert {q.kind for q in found.qdiscs} == {"htb", "pfifo"}
    assert {
        q.kind
        for q in shaping_of(
            config_from(TWO_RATED_UPLINKS, TRUNK_SECTION, vlan_section("stream", 1))
        ).qdiscs
    } == {
        "htb",
        "fq_codel",
    }


def test_rates_too_small_to_divide_are_named_and_raised() -> None:
    tiny = BASE_CONFIG + 'upload = "20kbit"\ndownload = "20mbit"\n' + UPLINK_B
    limited = 'upload = { guaranteed = "8kbit", ceiling = "9kbit" }'
    found = shaping_of(
        config_from(
            tiny, TRUNK_SECTION, vlan_section("stream", 1, more=limited), vlan_section("guests", 2)
        )
    )
    line, ceiling = found.warnings
    assert line.startswith("uplinks.a.upload: 20kbit is too little to divide among 2 VLANs")
    assert ceiling.startswith("vlans.stream.upload.ceiling: 9kbit is too little")
    assert class_rates(found, "ua")[0x1000] == 48_000
    assert class_rates(found, IFB_UP)[1] == 16_000


def test_an_untagged_vlan_is_shaped_at_the_trunk_with_the_others() -> None:
    """With a ceiling over two lines the trunk's root is its own: all meet behind the trunk once."""
    untagged = vlan_section("guests", 2, more="").replace("id = 20", "untagged = true")
    plain = config_from(
        TWO_RATED_UPLINKS,
        TRUNK_SECTION,
        vlan_section("stream", 1, more=STREAM_BANDWIDTH),
        untagged,
    )
    [trunk] = {plain.vlan_device(plain.vlans["guests"])}
    found = shaping_of(plain)
    assert trunk in {qdisc.interface for qdisc in found.qdiscs}
    ceiling = 'download = { ceiling = "5mbit" }\n'
    limited = shaping_of(
        config_from(
            TWO_RATED_UPLINKS,
            TRUNK_SECTION,
            vlan_section("stream", 1, more=STREAM_BANDWIDTH),
            untagged + ceiling,
        )
    )
    downward = {redirect.interface for redirect in limited.redirects if redirect.to == IFB_DOWN}
    assert downward == {trunk}
