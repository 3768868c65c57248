"""`check` knows the machine, `explain` knows names, `status` counts clients' flows alone."""

import json
import math
from ipaddress import IPv4Address, IPv4Interface

import pytest

from lbrouter.daemon.dhcp.lease_store import LeaseRecord, LeaseStore
from lbrouter.model.errors import ExitCode
from lbrouter.model.lease import UplinkLease
from lbrouter.rehearsal.lab.hosts import GatewayHost
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

HOSTS_CONFIG = FAILOVER_CONFIG.replace(
    'policy = "show"\n',
    'policy = "show"\nhosts.encoder = { mac = "02:00:5e:10:00:01", address = "10.10.10.20" }\n',
    1,
)
JAKARTA_CONFIG = HOSTS_CONFIG.replace(
    'name = "failover"', 'name = "failover"\ntimezone = "Asia/Jakarta"'
)


@pytest.fixture
def gateway(build_venue: VenueBuilder) -> GatewayHost:
    return build_venue(HOSTS_CONFIG).gateway


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    built = build_venue(JAKARTA_CONFIG)
    require_success(built.gateway.run_lbrouter("apply"))
    return built


def changed_file(gateway: GatewayHost, old: str, new: str) -> None:
    text = gateway.config_path.read_text()
    assert old in text
    gateway.config_path.write_text(text.replace(old, new))


def check_warnings(gateway: GatewayHost) -> list[str]:
    """The warnings of `check`, which must say that the file is good all the same."""
    before = gateway.snapshot()
    done = gateway.run_lbrouter("check", "--json")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert gateway.snapshot() == before
    return [str(each) for each in json.loads(done.stdout)["warnings"]]


def test_check_names_the_interface_that_was_meant(gateway: GatewayHost) -> None:
    assert not [each for each in check_warnings(gateway) if "no such interface" in each]
    changed_file(gateway, '"wan1"', '"wan11"')
    [warning] = [each for each in check_warnings(gateway) if "no such interface" in each]
    assert 'uplinks.fiber.interface = "wan11"' in warning
    assert 'did you mean "wan1"?' in warning


def test_check_knows_the_leases_that_are_held(gateway: GatewayHost) -> None:
    text = gateway.config_path.read_text()
    start = text.index("[uplinks.lte]")
    rest = text[start:].replace("address = ", "address = #", 1)
    assert rest
    changed_file(gateway, '"198.51.100.2/30"', '"dhcp"')
    changed_file(gateway, 'gateway = "198.51.100.1"\n', "")
    lease = UplinkLease(
        address=IPv4Interface("10.10.40.77/24"),
        gateway=IPv4Address("10.10.40.254"),
        server=IPv4Address("10.10.40.254"),
        obtained_at=0.0,
        renew_at=math.inf,
        rebind_at=math.inf,
        expires_at=math.inf,
    )
    store = LeaseStore(gateway.runtime_dir, pytest.fail)
    store.put("lte", LeaseRecord(interface="wan2", lease=lease))
    [warning] = [each for each in check_warnings(gateway) if "lease" in each]
    assert "holds the lease 10.10.40.77/24 with gateway 10.10.40.254, which overlaps" in warning
    assert "10.10.40.0/24 of VLAN guests; give vlans.guests.address another subnet" in warning
    store.put("lte", LeaseRecord(interface="wan1", lease=lease))
    assert not [each for each in check_warnings(gateway) if "lease" in each]


def test_explain_takes_clients_and_destinations_by_name(venue: Venue) -> None:
    gateway = venue.gateway
    gateway.state_dir.mkdir(exist_ok=True)
    leases = gateway.state_dir / "dnsmasq.leases"
    leases.write_text("0 02:00:5e:10:00:09 10.10.40.31 Bobs-Phone 01:02\n")
    by_name = require_success(gateway.run_lbrouter("explain", "encoder", "9.9.9.9"))
    assert "encoder is 10.10.10.20" in by_name
    assert "10.10.10.20 (VLAN stream) to 9.9.9.9" in by_name
    phone = require_success(gateway.run_lbrouter("explain", "bobs-phone", "encoder"))
    assert "10.10.40.31 (VLAN guests) to 10.10.10.20" in phone
    by_mac = require_success(gateway.run_lbrouter("explain", "02:00:5e:10:00:01", "localhost"))
    assert "localhost is 127.0.0.1" in by_mac
    unknown = gateway.run_lbrouter("explain", "encodr", "9.9.9.9")
    assert unknown.returncode == ExitCode.USAGE
    assert 'did you mean "encoder"?' in unknown.stderr
    nowhere = gateway.run_lbrouter("explain", "encoder", "no-such-host.invalid")
    assert nowhere.returncode == ExitCode.UNAVAILABLE
    assert 'The destination "no-such-host.invalid" has no address' in nowhere.stderr
    family = gateway.run_lbrouter("explain", "encoder", "ip6-localhost")
    assert family.returncode in (ExitCode.USAGE, ExitCode.UNAVAILABLE)


def test_times_are_in_the_zone_of_the_file_and_json_in_utc(venue: Venue) -> None:
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=30)
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: daemon.state("fiber") == "down", within_s=15)
        text = require_success(venue.gateway.run_lbrouter("status"))
        assert " WIB" in text.splitlines()[0]
        [row] = [line for line in text.splitlines() if line.startswith("fiber")]
        assert "since " in row
        assert " ms" not in row
        document = json.loads(require_success(venue.gateway.run_lbrouter("status", "--json")))
        fiber = document["uplinks"]["fiber"]
        assert (fiber["rtt_ms"], fiber["jitter_ms"]) == (None, None)
        assert fiber["since"].endswith("Z")
        hour = (int(fiber["since"][11:13]) + 7) % 24
        assert f"since {hour:02}{fiber['since'][13:19]}" in row
        events = venue.gateway.run_lbrouter("events")
        assert events.stderr == "note: times in WIB\n"
        assert f" {hour:02}{fiber['since'][13:19]} " in events.stdout
        brief = require_success(venue.gateway.run_lbrouter("events", "--brief"))
        assert f"lost its signal at {hour:02}{fiber['since'][13:19]} WIB" in brief
        raw = require_success(venue.gateway.run_lbrouter("events", "--json"))
        assert all(json.loads(line)["at"].endswith("Z") for line in raw.splitlines())


def test_the_gateways_own_connections_are_nobodys_flows(venue: Venue) -> None:
    def flows() -> dict[str, int]:
        document = json.loads(require_success(venue.gateway.run_lbrouter("status", "--json")))
        return {name: each["connections"] for name, each in document["uplinks"].items()}

    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=30)
        held = venue.client("stream").hold_connections(count=7, interval_ms=50)
        assert eventually(lambda: flows() == {"fiber": 7, "lte": 0}, within_s=20)
        table = venue.gateway.check_output(["conntrack", "-L", "-p", "icmp"])
        assert "src=203.0.113.2" in table, "probes have entries, which are not counted"
        held.stop()
