"""The printed cloud-init file on a real Debian: its own cloud-init and systemd, at two boots."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbrouter.kernel.read.features import features
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.relay_host import missing_for_relay
from tests.kit.commands import require_success
from tests.kit.live_streams.lane_venue import LaneVenue, running_lane
from tests.kit.live_streams.numbered_datagrams import NumberedDatagrams
from tests.kit.wait import eventually

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.environ.get("LBROUTER_IMAGE") != "1",
        reason="makes a root file system of Debian and boots it: make test-image",
    ),
]

HERE = Path(__file__).parent
SEED = "var/lib/cloud/seed/nocloud"
CLOUD_INIT_DONE = "var/lib/cloud/instances/relay/boot-finished"
CLOUD_INIT_LOG = "var/log/cloud-init-output.log"
BOOT_TIMEOUT_S = 300
RELAY = "45.79.1.7"
EMPTY_MACHINE = "ip link del lane; nft flush ruleset; sysctl -qw net.ipv4.ip_forward=0"


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[Path]:
    """The root file system of a machine that was never booted."""
    if missing := missing_for_relay(features()):
        pytest.skip(missing)
    folder = tmp_path / "debian"
    folder.mkdir()
    done = subprocess.run(
        [HERE / "relay-debian-root.sh", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    yield folder
    shutil.rmtree(folder)


def boot(lane: LaneVenue, debian: Path) -> LabProcess:
    return lane.venue.relays["lane"].start([str(HERE / "relay-debian-boot.sh"), str(debian)])


def forwards_a_stream(lane: LaneVenue) -> bool:
    """Whether datagrams come back, and the far end sees the relay's address."""
    datagrams = NumberedDatagrams(lane.venue, "stream")
    eventually(lambda: datagrams.arrived_count > 200, within_s=10)
    trace = datagrams.stop()
    print(trace.words())
    return trace.sources == (RELAY,) and trace.echoes_lost < len(trace.sent) / 2


def wait_for_relay(lane: LaneVenue, debian: Path) -> None:
    """Until cloud-init is through, the lane is up, and a stream goes through it."""
    done = eventually((debian / CLOUD_INIT_DONE).exists, within_s=BOOT_TIMEOUT_S)
    log = debian / CLOUD_INIT_LOG
    assert done, log.read_text() if log.exists() else "cloud-init did not run"
    lane.wait_until_whole()
    assert eventually(lambda: forwards_a_stream(lane), within_s=60), log.read_text()


def assert_set_up(lane: LaneVenue) -> None:
    relay = lane.venue.relays["lane"]
    rules = relay.check_output(["nft", "list", "ruleset"])
    assert "udp dport 51820 accept" in rules
    assert "masquerade" in rules
    assert relay.check_output(["sysctl", "-n", "net.ipv4.ip_forward"]).strip() == "1"


def test_the_printed_file_makes_a_relay_at_its_first_boot_and_at_the_next(debian: Path) -> None:
    with running_lane() as lane:
        relay, gateway = lane.venue.relays["lane"], lane.venue.gateway
        (debian / SEED).mkdir(parents=True)
        printed = require_success(gateway.run_lbrouter("relay", "setup", "lane"))
        (debian / SEED / "user-data").write_text(printed)
        (debian / SEED / "meta-data").write_text("instance-id: relay\nlocal-hostname: relay\n")
        for _ in ("the first boot", "the next"):
            relay.run(["sh", "-c", EMPTY_MACHINE])
            assert eventually(lambda: lane.daemon.state("lane") == "down", within_s=30)
            (debian / CLOUD_INIT_DONE).unlink(missing_ok=True)
            machine = boot(lane, debian)
            wait_for_relay(lane, debian)
            assert_set_up(lane)
            machine.close()
