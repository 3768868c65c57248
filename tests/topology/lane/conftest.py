"""What the tests of the lane share: programs that must be installed, a clip, scratch folders."""

from pathlib import Path

import pytest

from lbrouter.kernel.read.features import features
from lbrouter.rehearsal.lab.relay_host import missing_for_relay
from tests.kit.live_streams.rtmp import encoded_clip, missing_rtmp_programs
from tests.kit.live_streams.srt import missing_srt_programs

CLIP_S = 12


@pytest.fixture
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of `CLIP_S` seconds; skips where there is no encoder or no ingest."""
    if missing := missing_rtmp_programs():
        pytest.skip(f"not installed: {missing}; `make setup` installs it")
    return encoded_clip(tmp_path_factory.getbasetemp(), seconds=CLIP_S)


@pytest.fixture
def srt_programs() -> None:
    """Skips where there is no SRT."""
    if missing := missing_srt_programs():
        pytest.skip(f"not installed: {missing}; `make setup` installs it")


@pytest.fixture(scope="session")
def wireguard() -> None:
    """Skips where no lane can be: no WireGuard in the kernel, and no wireguard-go."""
    if missing := missing_for_relay(features()):
        pytest.skip(missing)
