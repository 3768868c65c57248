"""`address = "pppoe"`: pppd and a real PPPoE server, from the first session to `down`."""

from ipaddress import IPv6Address, IPv6Interface
from pathlib import Path

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.venue import Venue
from lbrouter.services.pppd import Pppd
from tests.kit.commands import require_success
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually
from tests.topology.uplinks.pppoe_server import PREFIX, USER, PppoeServer

pytestmark = [pytest.mark.needs("pppoe"), pytest.mark.slow]
"""Slow: minutes on an emulated processor: the VM ring leaves them out, a real one does not."""

SECRET = 's3c "ret\\#'
DEVICE = "ppp-dsl"

HEALTH = """
[health]
targets = ["icmp://8.8.8.8", "icmp://1.1.1.1"]
interval = "200ms"
down_after = "3s"
up_after = "1s"
"""

PPPOE_CONFIG = (
    HEALTH
    + """
[gateway]
name = "dialled"

[uplinks.dsl]
interface = "wan1"
address = "198.51.100.2/29"
gateway = "198.51.100.1"
upload = "50mbit"
download = "50mbit"

[uplinks.lte]
interface = "wan2"
address = "203.0.113.2/30"
gateway = "203.0.113.1"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "show"

[policies.show]
mode = "failover"
uplinks = ["dsl", "lte"]
"""
)
"""The venue; what lbrouter is given has the line by PPPoE instead."""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "dsl.secret"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    file.chmod(0o600)
    return file


@pytest.fixture
def venue(build_venue: VenueBuilder, secret: Path) -> Venue:
    built = build_venue(PPPOE_CONFIG)
    static = 'address = "198.51.100.2/29"\ngateway = "198.51.100.1"'
    pppoe = f'address = "pppoe"\nusername = "{USER}"\npassword_file = "{secret}"'
    pppoe += '\naddress6 = "auto"'
    built.write_config(parse(PPPOE_CONFIG.replace(static, pppoe).encode(), source="test").config)
    return built


@pytest.fixture
def provider(venue: Venue, tmp_path: Path) -> PppoeServer:
    return PppoeServer(venue.isp("dsl"), tmp_path)


def session_pid(venue: Venue) -> int:
    """The process id of the gateway's session."""
    [pid] = Pppd(venue.gateway.runtime_dir).pids(DEVICE)
    return pid


def traffic_uses_session(venue: Venue, provider: PppoeServer) -> bool:
    [row] = venue.client("stream").open_flows(count=1)
    return not row["error"] and provider.owns_address(row["seen"])


def has_advertised_address(daemon: GatewayDaemon) -> bool:
    found = daemon.status()["uplinks"]["dsl"]
    if found["address6"] is None:
        return False
    inside = IPv6Interface(found["address6"]).ip in PREFIX
    return inside and IPv6Address(found["gateway6"]).is_link_local


def test_a_session_carries_is_lost_and_returns(venue: Venue, provider: PppoeServer) -> None:
    provider.serve(SECRET)
    before = venue.gateway.snapshot()
    daemon = GatewayDaemon(venue.gateway)
    with daemon:
        assert eventually(lambda: daemon.state("dsl") == "up", within_s=40)
        found = daemon.status()["uplinks"]["dsl"]
        assert (found["interface"], found["address"]) == ("wan1", "198.51.100.2/32")
        assert found["rtt_ms"] is not None
        assert traffic_uses_session(venue, provider)
        assert venue.isp("dsl").stray_packets() == 0
        provider.advertise()
        assert eventually(lambda: has_advertised_address(daemon), within_s=20)
        pid = session_pid(venue)
        held = venue.client("stream").hold_connections(count=2, interval_ms=100, timeout_ms=20_000)
        daemon.kill()
        daemon.start()
        assert eventually(daemon.is_serving, within_s=40)
        assert session_pid(venue) == pid
        rows = held.stop()
        assert [row["error"] for row in rows if row["error"]] == []
        assert traffic_uses_session(venue, provider)
        provider.end_sessions()
        # A state that is asked for can be over before the answer: what was said stays.
        assert eventually(lambda: daemon.has_logged("dsl is waiting", "session on wan1 ended"))
        assert eventually(lambda: daemon.has_logged("show: new flows go by lte"))
        assert eventually(lambda: daemon.state("dsl") == "up", within_s=40)
        assert eventually(lambda: traffic_uses_session(venue, provider), within_s=10)
        print(daemon.log_text())
    assert session_pid(venue) == pid
    require_success(venue.gateway.run_lbrouter("down"))
    assert Pppd(venue.gateway.runtime_dir).pids(DEVICE) == ()
    assert venue.gateway.snapshot() == before


def test_what_keeps_a_session_from_coming_is_said(
    venue: Venue, provider: PppoeServer, secret: Path
) -> None:
    def reason() -> str:
        return str(daemon.status()["uplinks"]["dsl"]["reason"])

    secret.write_text("wrong\n", encoding="utf-8")
    with GatewayDaemon(venue.gateway) as daemon:
        nobody = "no PPPoE server answers on wan1 (no PADO)"
        assert eventually(lambda: reason() == nobody, within_s=40), reason()
        assert daemon.state("dsl") == "waiting"
        provider.serve(SECRET)
        refused = "authentication refused (CHAP)"
        assert eventually(lambda: reason() == refused, within_s=40), reason()
        secret.write_text(f"{SECRET}\n", encoding="utf-8")
        assert eventually(lambda: daemon.state("dsl") == "up", within_s=40), reason()
        assert SECRET not in daemon.log_text()


def test_a_password_that_everybody_can_read_is_refused(venue: Venue, secret: Path) -> None:
    secret.chmod(0o644)
    done = venue.gateway.run_lbrouter("apply")
    assert done.returncode == ExitCode.CONFIG
    assert f"chmod 600 {secret}" in done.stderr
    secret.unlink()
    done = venue.gateway.run_lbrouter("apply")
    assert done.returncode == ExitCode.CONFIG
    assert "No such file" in done.stderr
