"""Bytes between two records: from the client's side, and from zero where a device is new."""

from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.report.status_types import InterfaceTraffic
from lbrouter.daemon.metrics.traffic_totals import TrafficTotals, counted_parts
from lbrouter.kernel.read.counters import InterfaceBytes
from tests.kit.builders import TWO_LINES, config_of

PARTS = counted_parts(config_of(TWO_LINES))


def counters(wan1: tuple[int, int], lan1: tuple[int, int]) -> dict[str, InterfaceBytes]:
    return {
        "wan1": InterfaceBytes(received=wan1[0], sent=wan1[1]),
        "lan1": InterfaceBytes(received=lan1[0], sent=lan1[1]),
    }


def test_upload_is_what_clients_send_on_lines_and_vlans() -> None:
    totals = TrafficTotals()
    assert totals.take(PARTS, counters((100, 10), (10, 100)), now=1.0, at="a") == []
    totals.add(PARTS, {"wan1": InterfaceTraffic(received_bps=9, sent_bps=3)})
    totals.add(PARTS, {"wan1": InterfaceTraffic(received_bps=4, sent_bps=5)})
    found = totals.take(PARTS, counters((300, 50), (40, 350)), now=11.0, at="b")
    by_name = {each.name: each for each in found}
    fiber, stream = by_name["fiber"], by_name["stream"]
    assert (fiber.upload_bytes, fiber.download_bytes, fiber.seconds) == (40, 200, 10.0)
    assert (fiber.peak_upload_bps, fiber.peak_download_bps) == (5, 9)
    assert (stream.upload_bytes, stream.download_bytes) == (30, 250)
    assert "lte" not in by_name, "its interface is not there"


def test_a_device_that_was_made_again_counts_from_zero() -> None:
    totals = TrafficTotals()
    totals.take(PARTS, counters((100, 10), (0, 0)), now=1.0, at="a")
    [fiber, *_] = totals.take(PARTS, counters((7, 5), (0, 0)), now=11.0, at="b")
    assert (fiber.upload_bytes, fiber.download_bytes) == (5, 7)
    new = {"wan2": InterfaceBytes(received=5, sent=5)}
    [lte] = totals.take(PARTS, new, now=21.0, at="c")
    assert (lte.name, lte.upload_bytes) == ("lte", 0)
    assert totals.take(PARTS, new, now=21.0, at="d") == []


@given(st.lists(st.integers(0, 10**9), min_size=2))
def test_the_records_add_up_to_the_counter(steps: list[int]) -> None:
    totals, counted, sums = TrafficTotals(), 0, 0
    for second, step in enumerate(steps):
        counted += step
        found = totals.take(PARTS, counters((0, counted), (0, 0)), now=float(second), at="x")
        sums += sum(each.upload_bytes for each in found if each.name == "fiber")
    assert sums == counted - steps[0]
