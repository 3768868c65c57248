"""What a line really carries: headroom, overhead for each packet, large frames, queues."""

from dataclasses import replace

import pytest

from lbrouter.compile.shaping.build import IFB_UP, ShapingPlan
from lbrouter.compile.shaping.placement import MAX_CAKE_QUEUES, TOO_MANY_CAKES_WARNING
from lbrouter.model.errors import ConfigError
from lbrouter.model.facts import Facts, InterfaceFacts
from lbrouter.model.kernel_state import HtbClass
from lbrouter.model.sections.link_overhead import LINK_OVERHEADS, LinkOverhead, decode_overhead
from tests.kit.shaping_config import (
    BASE_CONFIG,
    FACTS,
    RATES_A,
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


def shaping_with_uplink_keys(keys: str, facts: Facts = FACTS) -> ShapingPlan:
    parts = (
        BASE_CONFIG,
        RATES_A,
        keys,
        UPLINK_B,
        TRUNK_SECTION,
        vlan_section("stream", 1, more=STREAM_BANDWIDTH),
    )
    return shaping_of(config_from(*parts), facts=facts)


def classes_by_minor(found: ShapingPlan, interface: str) -> dict[int, HtbClass]:
    return {c.classid[1]: c for c in found.classes if c.interface == interface}


@pytest.mark.parametrize(
    "keys, wanted",
    [
        ('headroom = "0%"\n', 20_000_000),
        ("", 19_000_000),
        ('headroom = "12.5%"\n', 17_500_000),
        ('headroom = "50%"\n', 10_000_000),
    ],
)
def test_headroom_is_left_free(keys: str, wanted: int) -> None:
    assert class_rates(shaping_with_uplink_keys(keys), "ua")[0x1000] == wanted


@pytest.mark.parametrize(
    "value, refused",
    [
        ("headroom", '"60%"'),
        ("headroom", '"5"'),
        ("headroom", "5"),
        ("overhead", '"adsl"'),
        ("overhead", "257"),
        ("overhead", "-1"),
        ("overhead", "true"),
        ("overhead", "1.5"),
    ],
)
def test_bad_lines_are_named_with_what_is_accepted(value: str, refused: str) -> None:
    with pytest.raises(ConfigError, match=rf"uplinks\.a\.{value}"):
        shaping_with_uplink_keys(f"{value} = {refused}\n")


@pytest.mark.parametrize(
    "value, overhead, mpu",
    [('"ethernet"', 24, 84), ('"docsis"', 4, 64), ('"pppoe-ptm"', 16, 0), ("44", 30, 0)],
)
def test_every_class_of_a_line_counts_its_overhead(value: str, overhead: int, mpu: int) -> None:
    found = shaping_with_uplink_keys(f"overhead = {value}\n")
    counted = {(c.overhead, c.mpu) for c in classes_by_minor(found, "ua").values()}
    assert counted == {(overhead, mpu)}
    there = {minor: (c.overhead, c.mpu) for minor, c in classes_by_minor(found, "lan").items()}
    assert there[0x1000] == there[0x1001] == (overhead, mpu)
    assert there[0x2001] == there[0xFFD] == (0, 0)


def test_ptm_coding_takes_a_65th_of_the_line() -> None:
    assert (
        class_rates(shaping_with_uplink_keys('overhead = "pppoe-ptm"\n'), "ua")[0x1000]
        == 18_707_688
    )


def test_on_a_ppp_device_the_kernel_counts_no_ethernet_header() -> None:
    ppp = replace(FACTS.interfaces["ua"], kind="ppp")
    facts = replace(FACTS, interfaces={**FACTS.interfaces, "ua": ppp})
    found = shaping_with_uplink_keys('overhead = "pppoe-ptm"\n', facts)
    assert classes_by_minor(found, "ua")[0x1000].overhead == 30
    assert classes_by_minor(found, "lan")[0x1000].overhead == 16


def test_an_overhead_below_what_the_kernel_counts_adds_nothing() -> None:
    assert classes_by_minor(shaping_with_uplink_keys("overhead = 8\n"), "ua")[0x1000].overhead == 0


def test_overheads_are_written_as_they_were_read() -> None:
    assert [str(each) for each in LINK_OVERHEADS.values()] == list(LINK_OVERHEADS)
    assert str(LinkOverhead(packet_bytes=22)) == "22"
    assert decode_overhead(LINK_OVERHEADS["docsis"]) is LINK_OVERHEADS["docsis"]


def test_a_jumbo_mtu_has_bursts_of_two_frames() -> None:
    def large(name: str) -> InterfaceFacts:
        return replace(FACTS.interfaces[name], mtu=9000)

    interfaces = {**FACTS.interfaces, "ub": large("ub"), "lan": large("lan")}
    limited = bandwidth_both_ways('guaranteed = "2mbit", ceiling = "15mbit"')
    wanted = config_from(TWO_RATED_UPLINKS, TRUNK_SECTION, vlan_section("stream", 1, more=limited))
    found = shaping_of(wanted, facts=replace(FACTS, interfaces=interfaces))
    least = {
        interface: min(min(c.burst, c.cburst) for c in classes_by_minor(found, interface).values())
        for interface in ("ua", "ub", "lan", "lan.10", IFB_UP)
    }
    assert least["ua"] < 2 * 1514 + 10
    assert min(least[name] for name in ("ub", "lan", "lan.10", IFB_UP)) >= 2 * 9014 - 10


def test_with_cake_clients_are_told_apart_and_the_gateway_needs_none() -> None:
    facts = replace(FACTS, features=frozenset({"cake", "fq_codel"}))
    wanted = config_from(
        TWO_RATED_UPLINKS, TRUNK_SECTION, vlan_section("stream", 1, more=STREAM_BANDWIDTH)
    )
    queues = {
        (q.interface, q.parent[1]): q
        for q in shaping_of(wanted, facts=facts).qdiscs
        if not isinstance(q.parent, str)
    }
    assert queues["ua", 0x1001].kind == queues["lan", 0x1001].kind == "cake"
    assert ("dual-srchost", "") in queues["ua", 0x1001].options
    assert ("dual-dsthost", "") in queues["lan", 0x1001].options
    assert queues["ua", 0xFFE].kind == queues["lan", 0xFFD].kind == "fq_codel"
    assert queues["ua", 0x1001].why.endswith("fair between clients")


def test_too_many_cakes_would_fill_the_memory() -> None:
    count = MAX_CAKE_QUEUES // 2 + 1
    vlans = [
        f'[vlans.v{n}]\nid = {n}\naddress = "10.{n}.0.1/24"\npolicy = "show"\n'
        for n in range(1, count + 1)
    ]
    facts = replace(FACTS, features=frozenset({"cake", "fq_codel"}))
    wanted = config_from(TWO_RATED_UPLINKS, TRUNK_SECTION, *vlans)
    numbers = {f"v{n}": n for n in range(1, count + 1)}
    found = shaping_of(wanted, facts=facts, vlans=numbers)
    assert TOO_MANY_CAKES_WARNING in found.warnings
    assert {q.kind for q in found.qdiscs} == {"htb", "fq_codel"}
