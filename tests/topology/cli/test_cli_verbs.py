"""The command in a venue: what each verb prints, returns, changes and leaves behind."""

import json
import sys
from typing import Any

import pytest

from lbrouter.kernel.storage.lock import exclusive_lock
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.hosts import GatewayHost
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import (
    AS_NOBODY,
    WITHOUT_CAPABILITIES,
    nobody_can_import_package,
    require_success,
)
from tests.kit.config_text import FIBER_IPV6, failover_text, fiber, file_text, lte, vlan_text
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

TEXT = file_text(
    "verbs",
    fiber(FIBER_IPV6),
    lte(),
    vlan_text("guests", "lan1", "10.10.40.1/22", "spread"),
    vlan_text("desk", "lan2", "10.10.99.1/24", "show", "manage = true", 'reach = ["guests"]'),
    """[policies.spread]
mode = "balance"
weights = { fiber = 70, lte = 30 }
sticky = "0s"
""",
    failover_text("show", "fiber", "lte"),
    health="",
)


@pytest.fixture
def unapplied_venue(build_venue: VenueBuilder) -> Venue:
    """The venue before anything is applied."""
    return build_venue(TEXT)


@pytest.fixture
def venue(build_applied_venue: VenueBuilder) -> Venue:
    """The venue with everything applied."""
    return build_applied_venue(TEXT)


def json_document(gateway: GatewayHost, *words: str, code: int = ExitCode.DONE) -> Any:
    """The JSON that a verb prints, beside an exit code."""
    done = gateway.run_lbrouter(*words, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_a_plan_is_what_apply_then_does_and_changes_nothing_itself(unapplied_venue: Venue) -> None:
    gateway = unapplied_venue.gateway
    before = gateway.snapshot()
    planned = json_document(gateway, "plan", code=ExitCode.CHANGES)["changes"]
    assert gateway.snapshot() == before
    done = json_document(gateway, "apply")
    assert done["ok"]
    assert done["operations"] == planned
    assert done["changed"] == len(planned) > 40
    assert json_document(gateway, "plan") == {"changes": []}


def test_apply_prints_each_step_as_a_command_and_sums_up(unapplied_venue: Venue) -> None:
    lines = require_success(unapplied_venue.gateway.run_lbrouter("apply")).splitlines()
    assert all(line.startswith("[#] ") for line in lines[:-1])
    assert "[#] sysctl -w net.ipv4.ip_forward=1" in lines[-2] + lines[-3]
    assert lines[-1].startswith("applied: ")
    assert any(
        line.startswith("[#] ip route replace default via 203.0.113.1 dev wan1") for line in lines
    )


def test_each_step_has_a_reason(unapplied_venue: Venue) -> None:
    planned = json_document(unapplied_venue.gateway, "plan", code=ExitCode.CHANGES)["changes"]
    assert [each for each in planned if not each["reason"]] == []


def test_a_second_time_there_is_nothing_to_change(venue: Venue) -> None:
    assert require_success(venue.gateway.run_lbrouter("apply")) == "nothing to change\n"
    assert require_success(venue.gateway.run_lbrouter("plan")) == "nothing to change\n"


def test_down_leaves_what_was_there_before(unapplied_venue: Venue) -> None:
    gateway = unapplied_venue.gateway
    before = gateway.snapshot()
    require_success(gateway.run_lbrouter("apply"))
    assert gateway.snapshot() != before
    assert require_success(gateway.run_lbrouter("down")).splitlines()[-1].startswith("removed: ")
    assert gateway.snapshot() == before
    assert require_success(gateway.run_lbrouter("down")) == "nothing to change\n"


@pytest.mark.parametrize("text", ["this = is [ broken", ""], ids=["broken", "empty"])
def test_down_works_whatever_became_of_the_file(unapplied_venue: Venue, text: str) -> None:
    gateway = unapplied_venue.gateway
    before = gateway.snapshot()
    require_success(gateway.run_lbrouter("apply"))
    gateway.config_path.write_text(text, encoding="utf-8")
    require_success(gateway.run_lbrouter("down"))
    assert gateway.snapshot() == before


def test_down_works_without_any_file(unapplied_venue: Venue) -> None:
    gateway = unapplied_venue.gateway
    before = gateway.snapshot()
    require_success(gateway.run_lbrouter("apply"))
    gateway.config_path.unlink()
    require_success(gateway.run_lbrouter("down"))
    assert gateway.snapshot() == before


@pytest.mark.parametrize("verb", ["apply", "down"])
def test_two_at_once_is_refused_with_75(venue: Venue, verb: str) -> None:
    before = venue.gateway.snapshot()
    with exclusive_lock(venue.gateway.runtime_dir):
        done = venue.gateway.run_lbrouter(verb)
    assert done.returncode == ExitCode.TRY_AGAIN
    assert "runs already" in done.stderr
    assert venue.gateway.snapshot() == before


@pytest.mark.parametrize("verb", ["plan", "apply", "down", "status"])
def test_without_root_it_is_77(venue: Venue, verb: str) -> None:
    powerless = AS_NOBODY if nobody_can_import_package() else WITHOUT_CAPABILITIES
    venue.gateway.config_path.parent.chmod(0o755)
    done = venue.gateway.run([*powerless, *venue.gateway.lbrouter_argv(verb)])
    assert done.returncode == ExitCode.NOT_PERMITTED, done.stderr
    assert "root" in done.stderr


def test_status_follows_the_carrier(venue: Venue) -> None:
    gateway = venue.gateway
    found = json_document(gateway, "status")
    assert (found["applied"], found["daemon"], found["gateway"]) == (True, False, "verbs")
    assert found["config_digest"].startswith("sha256:")
    assert {each["state"] for each in found["uplinks"].values()} == {"up"}
    assert found["policies"]["spread"]["shares"] == {"fiber": 70, "lte": 30}
    venue.isp("fiber").set_carrier(up=False)
    assert eventually(lambda: _uplink_state(gateway, "fiber") == "down")
    found = json_document(gateway, "status")
    assert found["policies"]["spread"]["shares"] == {"lte": 100}
    assert found["policies"]["show"]["active"] == ["lte"]


def _uplink_state(gateway: GatewayHost, uplink: str) -> str:
    return str(json_document(gateway, "status")["uplinks"][uplink]["state"])


def test_status_counts_connections_and_rates_by_uplink(venue: Venue) -> None:
    held = venue.client("desk").hold_connections(count=30, interval_ms=10)

    def busy() -> bool:
        fiber = json_document(venue.gateway, "status")["uplinks"]["fiber"]
        return fiber["connections"] >= 30 and fiber["upload_bps"] > 0

    assert eventually(busy, within_s=20)
    found = json_document(venue.gateway, "status")
    assert found["uplinks"]["lte"]["connections"] < 30
    assert found["vlans"]["desk"]["upload_bps"] > 0
    held.stop()


def test_status_without_json_is_for_people(venue: Venue) -> None:
    done = venue.gateway.run_lbrouter("status")
    text = require_success(done)
    assert all(word in text for word in ("fiber", "wan2", "70 %", "guests", "no daemon"))
    assert "carrier alone" in done.stderr
    assert "\x1b[" not in text


def test_explain_says_what_the_far_end_then_sees(venue: Venue) -> None:
    client = venue.client("desk")
    found = json_document(venue.gateway, "explain", "desk", "8.8.8.8")
    [way] = found["ways"]
    rows = client.open_flows(count=5)
    assert {venue.uplink_of(row["seen"]) for row in rows} == {way["uplink"]} == {"fiber"}
    assert {row["seen"] for row in rows} == {way["source_address"]}


def test_explain_says_what_happens_when_an_uplink_dies(venue: Venue) -> None:
    expected = json_document(venue.gateway, "explain", "desk", "8.8.8.8")["if_down"]["fiber"]
    venue.isp("fiber").set_carrier(up=False)
    assert eventually(lambda: _uplink_state(venue.gateway, "fiber") == "down")
    require_success(venue.gateway.run_lbrouter("apply"))
    rows = venue.client("desk").open_flows(count=5)
    assert {venue.uplink_of(row["seen"]) for row in rows} == set(expected) == {"lte"}


def test_the_doctor_finds_a_venue_fit(venue: Venue) -> None:
    found = json_document(venue.gateway, "doctor")
    assert found["ok"]
    levels = {each["subject"]: each["level"] for each in found["findings"]}
    assert levels["wan1"] == levels["nft_nat"] == "ok"


def test_the_doctor_names_a_conflict(venue: Venue) -> None:
    venue.gateway.check_output(["ip", "rule", "add", "pref", "10050", "lookup", "99"])
    found = json_document(venue.gateway, "doctor")["findings"]
    assert any("10050" in each["found"] and each["level"] == "warn" for each in found)
    done = venue.gateway.run_lbrouter("apply")
    assert "10050" in done.stderr
    assert "10050" in venue.gateway.run(["ip", "rule"]).stdout


def test_a_full_disk_is_noticed_before_the_first_change(unapplied_venue: Venue) -> None:
    gateway = unapplied_venue.gateway
    before = gateway.snapshot()
    gateway.state_dir.parent.mkdir(exist_ok=True)
    gateway.state_dir.write_text("a file where a directory should be", encoding="utf-8")
    done = gateway.run_lbrouter("apply")
    assert done.returncode == ExitCode.TRY_AGAIN, done.stderr
    assert gateway.snapshot() == before


COUNT_SCRIPT = """
import asyncio
from lbrouter.kernel.read.counters import count_by_uplink, marks_from_ctnetlink, marks_from_proc
async def dumped():
    return count_by_uplink([mark async for mark in marks_from_ctnetlink()])
print(count_by_uplink(marks_from_proc())[1], asyncio.run(dumped())[1])
"""


def test_both_ways_to_count_connections_agree(venue: Venue) -> None:
    held = venue.client("desk").hold_connections(count=20, interval_ms=50)

    def counts() -> list[int]:
        argv = [sys.executable, "-c", COUNT_SCRIPT]
        return [int(word) for word in venue.gateway.check_output(argv).split()]

    assert eventually(lambda: counts() == [20, 20], within_s=20)
    held.stop()
