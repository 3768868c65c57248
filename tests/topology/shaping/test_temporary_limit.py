"""A temporary limit under real traffic: it holds, loses nothing, and ends by itself."""

import json
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import LIMIT_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.wait import eventually

pytestmark = [pytest.mark.needs("htb", "ifb", "u32", "nft"), pytest.mark.slow]

SENDER_SCRIPT = """
import json
import socket
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(14):
    line.sendto(number.to_bytes(4, "big").ljust(1400, b"."), ("1.1.1.1", 5999))
"""

RECEIVER_SCRIPT = """
import json
import socket
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.bind(("1.1.1.1", 5999))
print("[]", flush=True)
line.settimeout(2)
try:
    while True:
        print(int.from_bytes(line.recv(2000)[:4], "big"))
except TimeoutError:
    pass
"""


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with Venue.build(parse(LIMIT_CONFIG.encode(), source="test").config) as built:
        yield built


@pytest.fixture(scope="module")
def daemon(venue: Venue) -> Iterator[GatewayDaemon]:
    with GatewayDaemon(venue.gateway) as running:
        yield running


def control_request(venue: Venue, **request: object) -> Any:
    """A request over the control socket: ten times as fast as the command."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
        opened.settimeout(20)
        opened.connect(str(venue.gateway.runtime_dir / "control.sock"))
        opened.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(opened.makefile("rb").readline())
    assert answer["ok"], answer
    return answer["result"]


def set_limit(venue: Venue, rate: int) -> None:
    control_request(venue, verb="limit", vlan="guests", rate=rate, yes=True)


def start_flood(venue: Venue, port: int, *options: str) -> LabProcess:
    """25 Mbit/s of the guests' datagrams; the internet's end listens when this returns."""
    internet = venue.internet
    internet.start(["iperf3", "-s", "-1", "-B", "1.1.1.1", "-p", str(port)])
    listens = ["ss", "-Hltn", f"sport = :{port}"]
    assert eventually(lambda: f":{port}" in internet.check_output(listens))
    load = ["iperf3", "-c", "1.1.1.1", "-p", str(port), "-u", "-b", "25M", "-l", "1400", "-t", "40"]
    return venue.client("guests").start([*load, *options])


def byte_counts(venue: Venue) -> tuple[int, int]:
    """Bytes of the guests so far: up at the provider, down where they arrive."""
    path = "/sys/class/net/eth0/statistics/rx_bytes"
    return venue.isp("fiber").byte_counts()[0], int(
        venue.client("guests").check_output(["cat", path])
    )


def rates_mbit(venue: Venue, seconds: float) -> tuple[float, float]:
    """Megabits per second over a window, up and down."""
    before, begun = byte_counts(venue), time.monotonic()
    assert eventually(lambda: time.monotonic() - begun > seconds)
    after, took = byte_counts(venue), time.monotonic() - begun
    up, down = ((b - a) * 8 / took / 1e6 for a, b in zip(before, after, strict=True))
    return up, down


def test_a_limit_holds_in_both_directions_and_ends_by_itself(
    venue: Venue, daemon: GatewayDaemon
) -> None:
    jobs = [start_flood(venue, 5201), start_flood(venue, 5202, "-R")]
    assert eventually(lambda: min(rates_mbit(venue, 0.3)) > 18, within_s=15)
    asked = venue.gateway.run_lbrouter("limit", "guests", "5mbit", "--for", "4s")
    assert asked.returncode == ExitCode.TRY_AGAIN
    assert "cuts the guarantee of guests: 8mbit upload" in asked.stderr
    begun = time.monotonic()
    said = venue.gateway.run_lbrouter("limit", "guests", "5mbit", "--for", "4s", "--yes")
    assert "guests is limited to 5mbit upload and download for 4s" in require_success(said)
    held = rates_mbit(venue, 2)
    assert eventually(lambda: min(rates_mbit(venue, 0.3)) > 18, within_s=15)
    over_s = time.monotonic() - begun
    for job in jobs:
        job.close()
    print(f"limit of 5: {held[0]:.3f} up, {held[1]:.3f} down, over after {over_s:.1f} s")
    # Never more; less only where this machine has no time to send it.
    assert all(4.7 < each < 5.15 for each in held), held
    assert 4 < over_s < 15
    assert daemon.has_logged("limit:", "its guarantee (8mbit upload)")
    assert daemon.has_logged("limit:", "the time of the limit is over")


def drop_counts(venue: Venue) -> dict[str, int]:
    """Packets that the gateway's interfaces have dropped because they were stopped."""
    names = ("wan1", "wan2", "lan1", "lan2")
    paths = [f"/sys/class/net/{name}/statistics/tx_dropped" for name in names]
    counts = venue.gateway.check_output(["cat", *paths]).split()
    return dict(zip(names, map(int, counts), strict=True))


def test_nothing_of_the_others_is_dropped_when_a_limit_comes_and_goes(
    venue: Venue, daemon: GatewayDaemon
) -> None:
    """Counted where it would be dropped: this machine may have no time to answer every packet."""
    before = drop_counts(venue)
    pings = [venue.client(name).start_ping(interval_ms=4) for name in ("stream", "guests")]
    for _ in range(3):
        for wanted in (5_000_000, 20_000_000, 0):
            set_limit(venue, wanted)
    links = ["ip", "-o", "link"]
    assert eventually(lambda: "lbr-up" not in venue.gateway.check_output(links), within_s=20)
    rows = [ping.stop()[0] for ping in pings]
    lost = {name: count - before[name] for name, count in drop_counts(venue).items()}
    print("dropped", lost, "of", [row["sent"] for row in rows])
    assert all(row["sent"] > 100 for row in rows)
    # The guests' own device has no queue before and after: to change that stops it for a moment.
    assert lost.pop("lan2") < 100
    assert not any(lost.values()), lost


def test_what_waits_below_a_limit_goes_out_when_it_ends(
    venue: Venue, daemon: GatewayDaemon
) -> None:
    set_limit(venue, 1_000_000)
    receiver = venue.internet.start([sys.executable, "-c", RECEIVER_SCRIPT])
    receiver.read_json()
    venue.client("guests").check_output([sys.executable, "-c", SENDER_SCRIPT])
    set_limit(venue, 0)
    assert receiver.result() == [*range(14)]


def test_a_limit_outlives_the_daemon(venue: Venue, daemon: GatewayDaemon) -> None:
    gateway, before = venue.gateway, len(daemon.events("limit"))
    require_success(
        gateway.run_lbrouter("limit", "guests", "5mbit", "--for", "10m", "--upload", "--yes")
    )
    require_success(gateway.run_lbrouter("limit", "guests", "6mbit", "--download"))
    daemon.kill()
    daemon.start()
    assert eventually(daemon.is_serving, within_s=30)
    vlans = control_request(venue, verb="status")["vlans"]
    held = vlans["guests"]["limit"]
    assert 500 < held["upload"]["ends_in_s"] <= 600
    assert held["download"] == {"rate_bps": 6_000_000, "ends_in_s": None}
    assert vlans["stream"]["limit"] is None
    assert "limited to 5.0 Mbit/s up, 6.0 Mbit/s down" in require_success(
        gateway.run_lbrouter("status")
    )
    assert require_success(gateway.run_lbrouter("plan")) == "nothing to change\n"
    assert "no longer limited" in require_success(gateway.run_lbrouter("limit", "guests", "off"))
    assert control_request(venue, verb="status")["vlans"]["guests"]["limit"] is None
    assert len(daemon.events("limit")) == before + 3
    refused = gateway.run_lbrouter("limit", "nobody", "5mbit")
    assert (refused.returncode, "no VLAN 'nobody'" in refused.stderr) == (ExitCode.USAGE, True)
