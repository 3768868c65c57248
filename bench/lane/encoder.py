"""A real encoder pushes RTMP for a minute while a line fails: with a lane, and without one."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure
from bench.lane.venues import delayed_lane, wireguard_row
from bench.options import BenchOptions
from tests.kit.live_streams.lane_venue import LANE_CONFIG, LINE_FAULTS, NO_LANE_CONFIG, LaneVenue
from tests.kit.live_streams.rtmp import (
    RtmpOutcome,
    RtmpPush,
    encoded_clip,
    missing_rtmp_programs,
)
from tests.kit.wait import eventually

CLIP_S = 60
FAULT_BEGINS_AFTER_S = 8.0
FAULT_S = 10.0
FLAPPING_S = 20.0
ENCODER_PROMISE = "every frame, 1 connection, stall 0.5 s"
PAUSE_EVENT = threading.Event()


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderFault:
    """What happens while the clip runs."""

    title: str
    play: Callable[[LaneVenue], None]


def _one(title: str, seconds: float) -> EncoderFault:
    [fault] = [each for each in LINE_FAULTS if each.title == title]
    return EncoderFault(title=title, play=lambda found: fault.play(found.venue, seconds))


def _both_in_turn(found: LaneVenue) -> None:
    for line in ("fiber", "lte"):
        found.venue.isp(line).set_blackhole(on=True)
        PAUSE_EVENT.wait(FAULT_S)
        found.venue.isp(line).set_blackhole(on=False)
        found.wait_until_whole()


ENCODER_FAULTS = (
    EncoderFault(title="no fault", play=lambda _: None),
    _one("cable pulled", FAULT_S),
    _one("black hole", FAULT_S),
    _one("20 % loss each way", FAULT_S),
    _one("cable in and out, once a second", FLAPPING_S),
    _one("the other line: black hole", FAULT_S),
    EncoderFault(title="black hole of both in turn", play=_both_in_turn),
)


def measure(options: BenchOptions) -> Iterator[Figure]:
    """Each fault with the lane, and without."""
    if missing := missing_rtmp_programs():
        seen = f"not measured: {missing} not installed"
        yield Figure(what="encoder in a lane", promise=ENCODER_PROMISE, seen=seen, runs=0)
        return
    yield wireguard_row()
    with tempfile.TemporaryDirectory() as folder:
        clip = encoded_clip(Path(folder), seconds=CLIP_S)
        for number, fault in enumerate(ENCODER_FAULTS):
            for words, text in (("with the lane", LANE_CONFIG), ("without", NO_LANE_CONFIG)):
                name = f"encoder, {fault.title}, {words}"
                outcome = _run(fault, text, clip, Path(folder) / f"{number}-{text is LANE_CONFIG}")
                options.log_progress(f"{name}: {outcome.words()}")
                promise = ENCODER_PROMISE if text is LANE_CONFIG else ""
                yield Figure(what=name, promise=promise, seen=outcome.words(), runs=1,
                             samples=(outcome.stall_s,))  # fmt: skip


def _run(fault: EncoderFault, text: str, clip: Path, folder: Path) -> RtmpOutcome:
    with delayed_lane(text) as found:
        push = RtmpPush(found.venue, "stream", clip, folder)
        if not eventually(lambda: push.is_recording, within_s=20):
            raise RuntimeError("the ingest records nothing")
        PAUSE_EVENT.wait(FAULT_BEGINS_AFTER_S)
        fault.play(found)
        return push.outcome(within_s=CLIP_S + 30)
