"""Rates and bursts that survive the kernel's rounding; class numbers; queues."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbrouter.compile.shaping.htb import (
    ETHERNET_FRAME_BYTES,
    LONG_BURST_RATE_BPS,
    MAX_QUANTUM_BYTES,
    UNLIMITED_RATE_BPS,
    CakeHostMode,
    LinkLayer,
    QueueKind,
    burst_bytes,
    burst_size,
    burst_us,
    class_quantum,
    classid,
    classid_text,
    codel_target_us,
    htb_class,
    kernel_codel_us,
    leaf_qdisc,
    pfifo_limit,
    whole_bytes_rate,
)

RATES = st.integers(min_value=8_000, max_value=UNLIMITED_RATE_BPS).map(whole_bytes_rate)
TICK_NS = 64


def kernel_round_trip(rate: int, size: int) -> int:
    """A burst as asked for in ticks, and as read back."""
    ticks = burst_us(rate, size) * 1000 // TICK_NS
    return burst_bytes(rate, round(ticks * TICK_NS / 1000))


@settings(deadline=None)
@given(RATES)
def test_a_burst_survives_the_kernel(rate: int) -> None:
    assert kernel_round_trip(rate, burst_size(rate)) == burst_size(rate)


@settings(deadline=None)
@given(RATES, st.integers(min_value=1, max_value=10**7))
def test_any_burst_is_stable_once_read_back(rate: int, size: int) -> None:
    once = kernel_round_trip(rate, size)
    assert kernel_round_trip(rate, once) == once


@settings(deadline=None)
@given(RATES)
def test_a_burst_is_a_millisecond_or_two_and_two_frames_at_least(rate: int) -> None:
    size = burst_size(rate)
    # Rounded to a microsecond, which is worth rate / 8e6 bytes.
    slack = 1 + rate / 8e6
    wanted = max(2 * ETHERNET_FRAME_BYTES, rate / 8000 * (2 if rate >= LONG_BURST_RATE_BPS else 1))
    assert abs(size - wanted) <= slack


def test_rates_are_whole_bytes() -> None:
    found = htb_class("eth0", classid(uplink=1), rate=1_234_567, ceil=7_654_321, why="")
    assert (found.rate, found.ceil) == (1_234_560, 7_654_320)


def test_a_ceiling_is_never_below_the_rate() -> None:
    assert htb_class("eth0", classid(uplink=1), rate=80_000, ceil=8_000, why="").ceil == 80_000


def test_class_numbers_say_uplink_and_vlan() -> None:
    assert classid_text(classid(uplink=1, vlan=0x12)) == "4c01:1012"
    assert classid_text(classid(vlan=2)) == "4c01:2"
    every = {classid(uplink=u, vlan=v) for u in range(16) for v in (0, 1, 4000)}
    assert len(every) == 48
    assert all(minor <= 0xFFFF for _, minor in every)


@pytest.mark.parametrize(
    "weight, least, wanted",
    [
        (0, 0, ETHERNET_FRAME_BYTES),
        (5, 0, ETHERNET_FRAME_BYTES),
        (0, 5, ETHERNET_FRAME_BYTES),
        (5, 5, ETHERNET_FRAME_BYTES),
        (10, 5, 2 * ETHERNET_FRAME_BYTES),
    ],
)
def test_quanta_are_in_proportion(weight: int, least: int, wanted: int) -> None:
    assert class_quantum(weight, least) == wanted


def test_a_quantum_never_holds_up_the_others() -> None:
    assert class_quantum(10**9, 1) == MAX_QUANTUM_BYTES


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=10**6))
def test_a_codel_time_survives_the_kernel(asked: int) -> None:
    found = kernel_codel_us(asked)
    shown = ((found * 1000 >> 10) << 10) // 1000
    assert kernel_codel_us(shown + 1) == found


def test_queues_are_short_at_any_rate() -> None:
    assert (pfifo_limit(8_000), pfifo_limit(20_000_000), pfifo_limit(UNLIMITED_RATE_BPS)) == (
        16,
        82,
        1000,
    )
    assert codel_target_us(100_000_000) == 5_000
    assert codel_target_us(1_000_000) == kernel_codel_us(18_168)


def test_a_leaf_is_fq_codel_where_the_kernel_has_it() -> None:
    each = htb_class("eth0", classid(uplink=1, vlan=2), rate=80_000, why="VLAN x")
    plain = leaf_qdisc(each, line_rate=20_000_000, queue=QueueKind.PFIFO)
    fair = leaf_qdisc(each, line_rate=20_000_000, queue=QueueKind.FQ_CODEL)
    assert (plain.kind, plain.options) == ("pfifo", (("limit", 82),))
    assert (fair.kind, fair.options) == ("fq_codel", (("target", "5000us"),))
    assert plain.key == fair.key


def test_cake_sees_clients_before_nat_on_the_way_up() -> None:
    each = htb_class("eth0", classid(uplink=1, vlan=2), rate=80_000, why="VLAN x")
    up = leaf_qdisc(each, line_rate=20_000_000, queue=QueueKind.CAKE)
    down = leaf_qdisc(
        each, line_rate=1_000_000, queue=QueueKind.CAKE, hosts=CakeHostMode.DESTINATION
    )
    assert [word for word, _ in up.options] == ["besteffort", "dual-srchost", "nat", "rtt"]
    assert [word for word, _ in down.options] == ["besteffort", "dual-dsthost", "nonat", "rtt"]
    assert dict(up.options)["rtt"] == "100000us"
    assert dict(down.options)["rtt"] == "363360us"
    assert list(up.options) == sorted(up.options)


def test_bursts_and_quanta_hold_two_frames_of_a_jumbo_mtu() -> None:
    each = htb_class(
        "eth0", classid(uplink=1), rate=8_000_000, link_layer=LinkLayer(frame=9014), why=""
    )
    assert (each.burst, each.cburst, each.quantum) == (18_028, 18_028, 9014)
    plain = htb_class("eth0", classid(uplink=1), rate=8_000_000, why="")
    assert (plain.burst, plain.quantum) == (3028, ETHERNET_FRAME_BYTES)
