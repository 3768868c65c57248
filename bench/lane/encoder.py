"""A real encoder pushes RTMP while a line fails: with a lane, and without one."""

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

BEGINS_AFTER, FAULT_LASTS, FLAPPING_LASTS = 1 / 8, 1 / 6, 1 / 3
"""Parts of the clip."""

ENCODER_PROMISE = "every frame, 1 connection, stall 0.5 s"
PAUSE_EVENT = threading.Event()


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderFault:
    """What happens while the clip runs."""

    title: str
    play: Callable[[LaneVenue, float], None]


def _one(title: str, part: float) -> EncoderFault:
    [fault] = [each for each in LINE_FAULTS if each.title == title]
    return EncoderFault(
        title=title, play=lambda found, clip_s: fault.play(found.venue, part * clip_s)
    )


def _both_in_turn(found: LaneVenue, clip_s: float) -> None:
    for line in ("fiber", "lte"):
        found.venue.isp(line).set_blackhole(on=True)
        PAUSE_EVENT.wait(FAULT_LASTS * clip_s)
        found.venue.isp(line).set_blackhole(on=False)
        found.wait_until_whole()


ENCODER_FAULTS = (
    EncoderFault(title="no fault", play=lambda _found, _clip_s: None),
    _one("cable pulled", FAULT_LASTS),
    _one("black hole", FAULT_LASTS),
    _one("20 % loss each way", FAULT_LASTS),
    _one("cable in and out, once a second", FLAPPING_LASTS),
    _one("the other line: black hole", FAULT_LASTS),
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
        clip = encoded_clip(Path(folder), seconds=options.clip_seconds)
        for number, fault in enumerate(ENCODER_FAULTS):
            for words, text in (("with the lane", LANE_CONFIG), ("without", NO_LANE_CONFIG)):
                name = f"encoder, {fault.title}, {words}"
                outcome = _run(
                    options, fault, text, clip, Path(folder) / f"{number}-{text is LANE_CONFIG}"
                )
                options.log_progress(f"{name}: {outcome.words()}")
                promise = ENCODER_PROMISE if text is LANE_CONFIG else ""
                yield Figure(what=name, promise=promise, seen=outcome.words(), runs=1,
                             samples=(outcome.stall_s,))  # fmt: skip


def _run(
    options: BenchOptions, fault: EncoderFault, text: str, clip: Path, folder: Path
) -> RtmpOutcome:
    with delayed_lane(text) as found:
        push = RtmpPush(found.venue, "stream", clip, folder)
        if not eventually(lambda: push.is_recording, within_s=20):
            raise RuntimeError("the ingest records nothing")
        PAUSE_EVENT.wait(BEGINS_AFTER * options.clip_seconds)
        fault.play(found, options.clip_seconds)
        return push.outcome(within_s=options.clip_seconds + 30)
