"""The disruptions that the fault table counts are really detected on a healthy line's flows."""

import pytest

from bench.failing.moves import start_program, stop_and_read
from bench.failing.witness import HELD_FLOWS, HealthyLineFlows
from lbrouter.rehearsal.lab.isp import Isp
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

pytestmark = pytest.mark.slow

RESET_RULES = """
table inet hurt {
	chain resetting {
		type filter hook forward priority -300
		ip saddr ADDRESS tcp dport 7777 reject with tcp reset
	}
}
"""


def test_who_is_let_alone_reports_no_harm(build_applied_venue: VenueBuilder) -> None:
    disruption = HealthyLineFlows(build_applied_venue(FAILOVER_CONFIG), "guests").stop()
    assert (disruption.broken, disruption.resets, disruption.deleted) == (0, 0, 0)
    assert disruption.touched == 0


def test_deleted_connections_and_resets_are_counted(build_applied_venue: VenueBuilder) -> None:
    venue = build_applied_venue(FAILOVER_CONFIG)
    flows = HealthyLineFlows(venue, "guests")
    assert flows.mark not in ("", "0")
    venue.gateway.check_output(["conntrack", "-D", "-p", "tcp", "-s", flows.address])
    rules = RESET_RULES.replace("ADDRESS", flows.address)
    venue.gateway.check_output(["nft", "-f", "-"], stdin=rules)
    counter = ["nft", "list", "counter", "inet", "witness", "resets"]
    assert eventually(lambda: "packets 0" not in venue.client("guests").check_output(counter))
    disruption = flows.stop()
    assert disruption.deleted >= HELD_FLOWS
    assert disruption.resets > 0
    assert disruption.broken > 0


def dropped_packets(isp: Isp) -> int:
    """Packets that the black hole has dropped."""
    rules = isp.check_output(["nft", "list", "chain", "inet", "dead", "prerouting"])
    return int(rules.split("counter packets ")[1].split()[0])


def test_the_monitors_alarm_where_nothing_answers(build_applied_venue: VenueBuilder) -> None:
    venue = build_applied_venue(FAILOVER_CONFIG)
    quick = {"interval_s": 0.05, "late_s": 0.2, "period_s": 3, "loss_percent": 20, "check_s": 0.1}
    request = {"to": "8.8.8.8", "interface": "wan1", "profiles": {"quick": quick}, "count": 3}
    well = start_program(venue.gateway, "monitor", request)
    well.read_json()
    venue.isp("lte").set_blackhole(on=True)
    other = start_program(venue.gateway, "monitor", {**request, "interface": "wan2"})
    other.read_json()
    assert eventually(lambda: dropped_packets(venue.isp("lte")) >= 60, within_s=15)
    assert stop_and_read(well) == []
    alarms = stop_and_read(other)
    assert {number for _, number, *_ in alarms} == {0, 1, 2}
    assert all(loss == 100 and on for *_, loss, on in alarms)
