"""Streams by the kernel's own WireGuard, on kernels that have it: in the VM ring, Debian's."""

from collections.abc import Iterator

import pytest

from tests.kit.live_streams.lane_venue import LINE_FAULTS, LaneVenue, running_lane
from tests.kit.live_streams.numbered_datagrams import NumberedDatagrams
from tests.kit.wait import VM_SLOWDOWN, eventually

pytestmark = [pytest.mark.needs("wireguard", "dummy"), pytest.mark.usefixtures("wireguard")]

RATE = 100
"""Datagrams a second: what two emulated processors carry beside everything else."""

FAULT_S = 3.0


@pytest.fixture
def lane() -> Iterator[LaneVenue]:
    with running_lane() as found:
        yield found


def test_no_datagram_is_lost_whichever_line_dies(lane: LaneVenue) -> None:
    assert lane.venue.has_kernel_wireguard
    datagrams = NumberedDatagrams(lane.venue, "stream", rate=RATE)
    assert eventually(lambda: datagrams.arrived_count > RATE, within_s=10)
    for fault in LINE_FAULTS[:3]:
        lane.wait_until_carrying(but_for=fault.line)
        fault.play(lane.venue, FAULT_S)
    trace = datagrams.stop()
    print(trace.words())
    assert len(trace.sent) > 3 * FAULT_S * RATE / VM_SLOWDOWN
    assert trace.lost == 0
    assert trace.sources == ("45.79.1.7",)
