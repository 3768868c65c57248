"""How a real encoder ends when its line dies and there is no lane: what a lane is for."""

from pathlib import Path

from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.live_streams.numbered_datagrams import NumberedDatagrams
from tests.kit.live_streams.rtmp import RtmpPush
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually


def test_an_encoder_ends_with_its_line(
    build_venue: VenueBuilder, clip: Path, tmp_path: Path
) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        datagrams = NumberedDatagrams(venue, "stream")
        push = RtmpPush(venue, "stream", clip, tmp_path / "ingest")
        assert eventually(lambda: push.is_recording, within_s=10)
        venue.isp("fiber").set_blackhole(on=True)
        outcome, trace = push.outcome(within_s=30), datagrams.stop()
    print(outcome.words(), trace.words())
    assert outcome.ended, "nothing but its own error tells an encoder that its address is gone"
    assert outcome.recorded < outcome.frames
    assert 0 < trace.lost < 1000, "datagrams are lost until the flow has moved"
    assert len(trace.sources) == 2
