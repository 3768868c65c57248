"""What the fault table counts as harm is really seen: a witness who is hurt says so."""

import pytest

from bench.failing.moves import inside, told
from bench.failing.witness import FLOWS, Witness
from lbrouter.rehearsal.lab.isp import Isp
from tests.topology.conftest import VenueOf, eventually
from tests.topology.failover.test_failover import TWO

pytestmark = pytest.mark.slow

RESET = """
table inet hurt {
	chain resetting {
		type filter hook forward priority -300
		ip saddr ADDRESS tcp dport 7777 reject with tcp reset
	}
}
"""


def test_who_is_let_alone_reports_no_harm(applied: VenueOf) -> None:
    harm = Witness(applied(TWO), "guests").stop()
    assert (harm.broken, harm.resets, harm.deleted) == (0, 0, 0)
    assert harm.any == 0


def test_deleted_connections_and_resets_are_counted(applied: VenueOf) -> None:
    venue = applied(TWO)
    witness = Witness(venue, "guests")
    assert witness.mark not in ("", "0")
    venue.gateway.check(["conntrack", "-D", "-p", "tcp", "-s", witness.address])
    rules = RESET.replace("ADDRESS", witness.address)
    venue.gateway.check(["nft", "-f", "-"], stdin=rules)
    counter = ["nft", "list", "counter", "inet", "witness", "resets"]
    assert eventually(lambda: "packets 0" not in venue.client("guests").check(counter))
    harm = witness.stop()
    assert harm.deleted >= FLOWS
    assert harm.resets > 0
    assert harm.broken > 0


def swallowed(isp: Isp) -> int:
    """Packets that the black hole has taken in."""
    rules = isp.check(["nft", "list", "chain", "inet", "dead", "prerouting"])
    return int(rules.split("counter packets ")[1].split()[0])


def test_the_monitors_alarm_where_nothing_answers(applied: VenueOf) -> None:
    venue = applied(TWO)
    quick = {"interval_s": 0.05, "late_s": 0.2, "period_s": 3, "loss_percent": 20, "check_s": 0.1}
    request = {"to": "8.8.8.8", "interface": "wan1", "profiles": {"quick": quick}, "count": 3}
    well = inside(venue.gateway, "monitor", request)
    well.line()
    venue.isp("lte").blackhole(on=True)
    other = inside(venue.gateway, "monitor", {**request, "interface": "wan2"})
    other.line()
    assert eventually(lambda: swallowed(venue.isp("lte")) >= 60, within_s=15)
    assert told(well) == []
    alarms = told(other)
    assert {number for _, number, *_ in alarms} == {0, 1, 2}
    assert all(loss == 100 and on for *_, loss, on in alarms)
