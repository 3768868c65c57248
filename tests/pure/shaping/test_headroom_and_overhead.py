"""What a line really carries: headroom, what it adds to each packet, large frames, queues."""

from dataclasses import replace

import pytest

from lbrouter.compile.shaping.build import IFB_UP, Shaping
from lbrouter.compile.shaping.placement import MOST_CAKES, TOO_MANY
from lbrouter.model.errors import ConfigError
from lbrouter.model.facts import Facts, InterfaceFacts
from lbrouter.model.kernel_state import HtbClass
from lbrouter.model.link_overhead import KINDS, Overhead, read
from tests.kit.shaping_config import (
    A_RATES,
    FACTS,
    HEAD,
    STREAM,
    TRUNK,
    USUAL,
    B,
    both,
    config,
    rates,
    shaped,
    vlan,
)


def with_line(keys: str, facts: Facts = FACTS) -> Shaping:
    parts = (HEAD, A_RATES, keys, B, TRUNK, vlan("stream", 1, more=STREAM))
    return shaped(config(*parts), facts=facts)


def classes(found: Shaping, interface: str) -> dict[int, HtbClass]:
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
    assert rates(with_line(keys), "ua")[0x1000] == wanted


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
        with_line(f"{value} = {refused}\n")


@pytest.mark.parametrize(
    "value, overhead, mpu",
    [('"ethernet"', 24, 84), ('"docsis"', 4, 64), ('"pppoe-ptm"', 16, 0), ("44", 30, 0)],
)
def test_every_class_of_a_line_counts_its_overhead(value: str, overhead: int, mpu: int) -> None:
    found = with_line(f"overhead = {value}\n")
    counted = {(c.overhead, c.mpu) for c in classes(found, "ua").values()}
    assert counted == {(overhead, mpu)}
    there = {minor: (c.overhead, c.mpu) for minor, c in classes(found, "lan").items()}
    assert there[0x1000] == there[0x1001] == (overhead, mpu)
    assert there[0x2001] == there[0xFFD] == (0, 0)


def test_ptm_coding_takes_a_65th_of_the_line() -> None:
    assert rates(with_line('overhead = "pppoe-ptm"\n'), "ua")[0x1000] == 18_707_688


def test_on_a_ppp_device_the_kernel_counts_no_ethernet_header() -> None:
    ppp = replace(FACTS.interfaces["ua"], kind="ppp")
    facts = replace(FACTS, interfaces={**FACTS.interfaces, "ua": ppp})
    found = with_line('overhead = "pppoe-ptm"\n', facts)
    assert classes(found, "ua")[0x1000].overhead == 30
    assert classes(found, "lan")[0x1000].overhead == 16


def test_an_overhead_below_what_the_kernel_counts_adds_nothing() -> None:
    assert classes(with_line("overhead = 8\n"), "ua")[0x1000].overhead == 0


def test_overheads_are_written_as_they_were_read() -> None:
    assert [str(each) for each in KINDS.values()] == list(KINDS)
    assert str(Overhead(packet=22)) == "22"
    assert read(KINDS["docsis"]) is KINDS["docsis"]


def test_a_jumbo_mtu_has_bursts_of_two_frames() -> None:
    def large(name: str) -> InterfaceFacts:
        return replace(FACTS.interfaces[name], mtu=9000)

    interfaces = {**FACTS.interfaces, "ub": large("ub"), "lan": large("lan")}
    limited = both('guaranteed = "2mbit", ceiling = "15mbit"')
    wanted = config(USUAL, TRUNK, vlan("stream", 1, more=limited))
    found = shaped(wanted, facts=replace(FACTS, interfaces=interfaces))
    least = {
        interface: min(min(c.burst, c.cburst) for c in classes(found, interface).values())
        for interface in ("ua", "ub", "lan", "lan.10", IFB_UP)
    }
    assert least["ua"] < 2 * 1514 + 10
    assert min(least[name] for name in ("ub", "lan", "lan.10", IFB_UP)) >= 2 * 9014 - 10


def test_with_cake_clients_are_told_apart_and_the_gateway_needs_none() -> None:
    facts = replace(FACTS, features=frozenset({"cake", "fq_codel"}))
    wanted = config(USUAL, TRUNK, vlan("stream", 1, more=STREAM))
    queues = {
        (q.interface, q.parent[1]): q
        for q in shaped(wanted, facts=facts).qdiscs
        if not isinstance(q.parent, str)
    }
    assert queues["ua", 0x1001].kind == queues["lan", 0x1001].kind == "cake"
    assert ("dual-srchost", "") in queues["ua", 0x1001].options
    assert ("dual-dsthost", "") in queues["lan", 0x1001].options
    assert queues["ua", 0xFFE].kind == queues["lan", 0xFFD].kind == "fq_codel"
    assert queues["ua", 0x1001].why.endswith("fair between clients")


def test_too_many_cakes_would_fill_the_memory() -> None:
    count = MOST_CAKES // 2 + 1
    vlans = [
        f'[vlans.v{n}]\nid = {n}\naddress = "10.{n}.0.1/24"\npolicy = "show"\n'
        for n in range(1, count + 1)
    ]
    facts = replace(FACTS, features=frozenset({"cake", "fq_codel"}))
    wanted = config(USUAL, TRUNK, *vlans)
    numbers = {f"v{n}": n for n in range(1, count + 1)}
    found = shaped(wanted, facts=facts, vlans=numbers)
    assert TOO_MANY in found.warnings
    assert {q.kind for q in found.qdiscs} == {"htb", "fq_codel"}
