"""Live streams in a lane: no fault of one line is seen at the far end."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.live_streams.lane_venue import LINE_FAULTS, LaneVenue, running_lane
from tests.kit.live_streams.numbered_datagrams import NumberedDatagrams
from tests.kit.live_streams.rtmp import RtmpPush, encoded_clip, missing_rtmp_programs
from tests.kit.live_streams.srt import SrtStream
from tests.kit.wait import VM_SLOWDOWN, eventually

pytestmark = pytest.mark.usefixtures("wireguard")

FAULT_S = 2.0
SEQUENCE_CLIP_S = 25 * VM_SLOWDOWN
"""For five faults, one after the other, and the lines' return in between."""

LONGEST_STALL_S = 0.5
USERSPACE_LOSS = 0.01
"""What wireguard-go loses by itself on a busy machine; the kernel's WireGuard loses nothing."""


@pytest.fixture(scope="module")
def lane() -> Iterator[LaneVenue]:
    with running_lane() as found:
        yield found


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if missing := missing_rtmp_programs():
        pytest.skip(f"not installed: {missing}; `make setup` installs it")
    return encoded_clip(tmp_path_factory.getbasetemp(), seconds=SEQUENCE_CLIP_S)


def test_datagrams_and_srt_lose_nothing_in_a_black_hole(
    lane: LaneVenue, srt_programs: None, tmp_path: Path
) -> None:
    lane.wait_until_whole()
    datagrams, srt = (
        NumberedDatagrams(lane.venue, "stream"),
        SrtStream(lane.venue, "stream", tmp_path / "srt"),
    )
    [blackhole] = [fault for fault in LINE_FAULTS if fault.title == "black hole"]
    blackhole.play(lane.venue, FAULT_S)
    lane.wait_until_whole()
    trace, outcome = datagrams.stop(), srt.stop()
    print(trace.words(), outcome.words())
    assert trace.lost <= _allowed_loss(lane) * len(trace.sent)
    assert trace.sources == ("45.79.1.7",)
    assert trace.gap_ms < 100 * VM_SLOWDOWN
    assert outcome.connections == 1
    assert outcome.trace.lost <= _allowed_loss(lane) * len(outcome.trace.sent)
    assert outcome.dropped <= outcome.trace.lost


def test_the_relay_dies_and_the_next_line_takes_over_until_it_is_back(lane: LaneVenue) -> None:
    lane.wait_until_whole()
    assert eventually(lambda: _new_flows_go_by_lane(lane), within_s=10), "an up lane is used"
    relay = lane.venue.relays["lane"]
    datagrams = NumberedDatagrams(lane.venue, "stream")
    assert eventually(lambda: datagrams.arrived_count > 500)
    withheld_before_ms = _withheld_ms(lane)
    relay.set_blackhole(on=True)
    assert eventually(lambda: lane.daemon.state("lane") == "down", within_s=10)
    withheld_ms = _withheld_ms(lane) - withheld_before_ms
    assert lane.daemon.uplink("lane")["reason"]
    policy = lane.daemon.status()["policies"]["show"]
    assert policy["active"] == ["fiber"]
    before = datagrams.arrived_count
    assert eventually(lambda: datagrams.arrived_count > before + 500, within_s=10)
    relay.restore()
    lane.wait_until_whole()
    assert lane.daemon.status()["policies"]["show"]["active"] == ["lane"]
    trace = datagrams.stop()
    print(trace.words(), f"; {withheld_ms:.0f} ms withheld from the daemon")
    # A daemon that is not let run sends no probes, and takes that time for no silence of a line.
    assert trace.gap_ms - withheld_ms < 1500 * VM_SLOWDOWN
    assert trace.sources == ("45.79.1.7", "203.0.113.2")


def test_an_encoder_sees_no_fault_of_one_line(
    lane: LaneVenue, long_clip: Path, tmp_path: Path
) -> None:
    lane.wait_until_whole()
    push = RtmpPush(lane.venue, "stream", long_clip, tmp_path / "ingest")
    assert eventually(lambda: push.is_recording, within_s=10)
    for fault in LINE_FAULTS:
        lane.wait_until_carrying(but_for=fault.line)
        fault.play(lane.venue, FAULT_S)
    assert push.is_pushing, "the clip is too short for all the faults"
    outcome = push.outcome()
    print(outcome.words())
    assert (outcome.recorded, outcome.ended) == (outcome.frames, "")
    assert outcome.connections == 1
    assert outcome.stall_s <= LONGEST_STALL_S * VM_SLOWDOWN


def test_two_lossy_lines_lose_little_together() -> None:
    with running_lane() as lane:  # another one: the lines of the first are not trusted any more
        datagrams = NumberedDatagrams(lane.venue, "stream")
        assert eventually(lambda: datagrams.arrived_count > 100)
        for isp in lane.venue.isps.values():
            isp.impair(loss_percent=10)
        # the first line that is found lossy leaves the lane, until the other one is found so too
        assert eventually(lambda: _is_known_lossy(lane), within_s=30)
        began, before = time.monotonic(), datagrams.arrived_count
        assert eventually(lambda: datagrams.arrived_count > before + 3000, within_s=20)
        trace = datagrams.stop().between(began, time.monotonic())
    print(trace.words())
    assert trace.sources == ("45.79.1.7",)
    assert trace.lost > 0, "a tenth of a tenth"
    assert trace.lost < (0.015 + _allowed_loss(lane)) * len(trace.sent)


def _new_flows_go_by_lane(lane: LaneVenue) -> bool:
    """Whether the kernel was told so: that is a moment after the lane is up."""
    moves = [each for each in lane.daemon.events("move") if each["subject"] == "show"]
    return bool(moves) and "new flows go by lane" in moves[-1]["text"]


def _withheld_ms(lane: LaneVenue) -> float:
    """How long the daemon's loop has waited for a processor so far, as the kernel counts it."""
    _, waited_ns, _ = (lane.daemon.proc_dir / "schedstat").read_text().split()
    return int(waited_ns) / 1e6


def _is_known_lossy(lane: LaneVenue) -> bool:
    """Whether both lines are out of tolerance, and carry all the same."""
    status = lane.daemon.status()["uplinks"]
    lossy = all(status[name]["state"] == "degraded" for name in ("fiber", "lte"))
    return lossy and all(lane.carrying().values())


def _allowed_loss(lane: LaneVenue) -> float:
    return 0 if lane.venue.has_kernel_wireguard else USERSPACE_LOSS
