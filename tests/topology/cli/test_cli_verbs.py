"""The command at work: what each verb prints, returns, touches and leaves, in a venue."""

import json
import sys
from typing import Any

import pytest

from lbrouter.kernel.storage.lock import hold
from lbrouter.model.errors import Exit
from lbrouter.rehearsal.lab.hosts import Gateway
from lbrouter.rehearsal.lab.venue import Venue
from tests.topology.conftest import BARE, NOBODY, VenueOf, eventually, nobody_can_read_us, succeeded

TEXT = """
[gateway]
name = "verbs"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
address6 = "2001:db8:1::2/64"
gateway6 = "2001:db8:1::1"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"

[vlans.guests]
port = "lan1"
address = "10.10.40.1/22"
policy = "spread"

[vlans.desk]
port = "lan2"
address = "10.10.99.1/24"
policy = "show"
manage = true
reach = ["guests"]

[policies.spread]
mode = "balance"
weights = { fiber = 70, lte = 30 }
sticky = "0s"

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte"]
"""


@pytest.fixture
def bare(venue_of: VenueOf) -> Venue:
    """The venue before anything is applied."""
    return venue_of(TEXT)


@pytest.fixture
def venue(applied: VenueOf) -> Venue:
    """The venue with everything applied."""
    return applied(TEXT)


def document(gateway: Gateway, *words: str, code: int = Exit.DONE) -> Any:
    """The JSON that a verb prints, beside an exit code."""
    done = gateway.lbrouter(*words, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_a_plan_is_what_apply_then_does_and_changes_nothing_itself(bare: Venue) -> None:
    gateway = bare.gateway
    before = gateway.snapshot()
    planned = document(gateway, "plan", code=Exit.CHANGES)["changes"]
    assert gateway.snapshot() == before
    done = document(gateway, "apply")
    assert done["ok"]
    assert done["operations"] == planned
    assert done["changed"] == len(planned) > 40
    assert document(gateway, "plan") == {"changes": []}


def test_apply_says_each_step_in_words_and_sums_up(bare: Venue) -> None:
    lines = succeeded(bare.gateway.lbrouter("apply")).splitlines()
    assert all(line.startswith("[#] ") for line in lines[:-1])
    assert "[#] sysctl -w net.ipv4.ip_forward=1" in lines[-2] + lines[-3]
    assert lines[-1].startswith("applied: ")
    assert any(
        line.startswith("[#] ip route replace default via 203.0.113.1 dev wan1") for line in lines
    )


def test_each_step_has_a_reason(bare: Venue) -> None:
    planned = document(bare.gateway, "plan", code=Exit.CHANGES)["changes"]
    assert [each for each in planned if not each["reason"]] == []


def test_a_second_time_there_is_nothing_to_change(venue: Venue) -> None:
    assert succeeded(venue.gateway.lbrouter("apply")) == "nothing to change\n"
    assert succeeded(venue.gateway.lbrouter("plan")) == "nothing to change\n"


def test_down_leaves_what_was_there_before(bare: Venue) -> None:
    gateway = bare.gateway
    before = gateway.snapshot()
    succeeded(gateway.lbrouter("apply"))
    assert gateway.snapshot() != before
    assert succeeded(gateway.lbrouter("down")).splitlines()[-1].startswith("removed: ")
    assert gateway.snapshot() == before
    assert succeeded(gateway.lbrouter("down")) == "nothing to change\n"


@pytest.mark.parametrize("text", ["this = is [ broken", ""], ids=["broken", "empty"])
def test_down_works_whatever_became_of_the_file(bare: Venue, text: str) -> None:
    gateway = bare.gateway
    before = gateway.snapshot()
    succeeded(gateway.lbrouter("apply"))
    gateway.config.write_text(text, encoding="utf-8")
    succeeded(gateway.lbrouter("down"))
    assert gateway.snapshot() == before


def test_down_works_without_any_file(bare: Venue) -> None:
    gateway = bare.gateway
    before = gateway.snapshot()
    succeeded(gateway.lbrouter("apply"))
    gateway.config.unlink()
    succeeded(gateway.lbrouter("down"))
    assert gateway.snapshot() == before


@pytest.mark.parametrize("verb", ["apply", "down"])
def test_two_at_once_is_refused_with_75(venue: Venue, verb: str) -> None:
    before = venue.gateway.snapshot()
    with hold(venue.gateway.runtime_dir):
        done = venue.gateway.lbrouter(verb)
    assert done.returncode == Exit.TRY_AGAIN
    assert "at work here" in done.stderr
    assert venue.gateway.snapshot() == before


@pytest.mark.parametrize("verb", ["plan", "apply", "down", "status"])
def test_without_root_it_is_77(venue: Venue, verb: str) -> None:
    powerless = NOBODY if nobody_can_read_us() else BARE
    venue.gateway.config.parent.chmod(0o755)
    done = venue.gateway.run([*powerless, *venue.gateway.lbrouter_argv(verb)])
    assert done.returncode == Exit.NOT_PERMITTED, done.stderr
    assert "root" in done.stderr


def test_status_follows_the_carrier(venue: Venue) -> None:
    gateway = venue.gateway
    found = document(gateway, "status")
    assert (found["applied"], found["daemon"], found["gateway"]) == (True, False, "verbs")
    assert found["config_digest"].startswith("sha256:")
    assert {each["state"] for each in found["uplinks"].values()} == {"up"}
    assert found["policies"]["spread"]["shares"] == {"fiber": 70, "lte": 30}
    venue.isp("fiber").carrier(up=False)
    assert eventually(lambda: _state(gateway, "fiber") == "down")
    found = document(gateway, "status")
    assert found["policies"]["spread"]["shares"] == {"lte": 100}
    assert found["policies"]["show"]["active"] == ["lte"]


def _state(gateway: Gateway, uplink: str) -> str:
    return str(document(gateway, "status")["uplinks"][uplink]["state"])


def test_status_counts_connections_and_rates_by_uplink(venue: Venue) -> None:
    held = venue.client("desk").hold(count=30, interval_ms=10)

    def busy() -> bool:
        fiber = document(venue.gateway, "status")["uplinks"]["fiber"]
        return fiber["connections"] >= 30 and fiber["upload_bps"] > 0

    assert eventually(busy, within_s=20)
    found = document(venue.gateway, "status")
    assert found["uplinks"]["lte"]["connections"] < 30
    assert found["vlans"]["desk"]["upload_bps"] > 0
    held.stop()


def test_status_without_json_is_for_people(venue: Venue) -> None:
    done = venue.gateway.lbrouter("status")
    text = succeeded(done)
    assert all(word in text for word in ("fiber", "wan2", "70 %", "guests", "no daemon"))
    assert "carrier alone" in done.stderr
    assert "\x1b[" not in text


def test_explain_says_what_the_far_end_then_sees(venue: Venue) -> None:
    client = venue.client("desk")
    found = document(venue.gateway, "explain", "desk", "8.8.8.8")
    [way] = found["ways"]
    rows = client.flows(count=5)
    assert {venue.uplink_of(row["seen"]) for row in rows} == {way["uplink"]} == {"fiber"}
    assert {row["seen"] for row in rows} == {way["source_address"]}


def test_explain_says_what_happens_when_an_uplink_dies(venue: Venue) -> None:
    promised = document(venue.gateway, "explain", "desk", "8.8.8.8")["if_down"]["fiber"]
    venue.isp("fiber").carrier(up=False)
    assert eventually(lambda: _state(venue.gateway, "fiber") == "down")
    succeeded(venue.gateway.lbrouter("apply"))
    rows = venue.client("desk").flows(count=5)
    assert {venue.uplink_of(row["seen"]) for row in rows} == set(promised) == {"lte"}


def test_the_doctor_finds_a_venue_fit(venue: Venue) -> None:
    found = document(venue.gateway, "doctor")
    assert found["ok"]
    levels = {each["subject"]: each["level"] for each in found["findings"]}
    assert levels["wan1"] == levels["nft_nat"] == "ok"


def test_the_doctor_names_a_conflict(venue: Venue) -> None:
    venue.gateway.check(["ip", "rule", "add", "pref", "10050", "lookup", "99"])
    found = document(venue.gateway, "doctor")["findings"]
    assert any("10050" in each["found"] and each["level"] == "warn" for each in found)
    done = venue.gateway.lbrouter("apply")
    assert "10050" in done.stderr
    assert "10050" in venue.gateway.run(["ip", "rule"]).stdout


def test_a_full_disk_is_noticed_before_the_first_change(bare: Venue) -> None:
    gateway = bare.gateway
    before = gateway.snapshot()
    gateway.state_dir.parent.mkdir(exist_ok=True)
    gateway.state_dir.write_text("a file where a directory should be", encoding="utf-8")
    done = gateway.lbrouter("apply")
    assert done.returncode == Exit.TRY_AGAIN, done.stderr
    assert gateway.snapshot() == before


COUNT = """
import asyncio
from lbrouter.kernel.read.counters import counted, dumped_marks, listed_marks
async def dumped():
    return counted([mark async for mark in dumped_marks()])
print(counted(listed_marks())[1], asyncio.run(dumped())[1])
"""


def test_both_ways_to_count_connections_agree(venue: Venue) -> None:
    held = venue.client("desk").hold(count=20, interval_ms=50)

    def counts() -> list[int]:
        argv = [sys.executable, "-c", COUNT]
        return [int(word) for word in venue.gateway.check(argv).split()]

    assert eventually(lambda: counts() == [20, 20], within_s=20)
    held.stop()
