"""The daemon's modules that need no kernel: repair pace, pending commits, overrides, protocol."""

import asyncio
from pathlib import Path

import pytest

from lbrouter.compile.health import initial_state
from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.daemon.confirm.pending_commit import PendingCommit, PendingCommitStore
from lbrouter.daemon.control_socket.protocol import (
    error_response,
    ok_response,
    parse_request,
    result_or_raise,
)
from lbrouter.daemon.events.history import (
    History,
    LogEvent,
    UplinkSample,
    recent_events,
    utc_timestamp,
)
from lbrouter.daemon.health import snapshot
from lbrouter.daemon.metrics.traffic import is_download_full, is_upload_full
from lbrouter.daemon.reconcile.repair_limiter import (
    NOTICE_COALESCE_S,
    REPAIR_BURST,
    REPAIR_SLOW_INTERVAL_S,
    RepairRateLimiter,
)
from lbrouter.daemon.supervisor import cancel_all, run_forever
from lbrouter.daemon.wakeup import Wakeup
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.errors import NotAppliedError, UsageError
from lbrouter.model.health import UplinkState
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of


def test_a_task_that_takes_a_cancellation_for_a_failure_ends_too() -> None:
    """Like a reconcile that undoes its change: the next cancellation arrives when it is done."""
    swallowed: list[str] = []

    async def round_after_round() -> None:
        while True:
            try:
                await asyncio.sleep(0.5)
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append("undone")

    async def main() -> bool:
        part = asyncio.create_task(run_forever("the loop", round_after_round, swallowed.append))
        await asyncio.sleep(0)
        await asyncio.wait_for(cancel_all([part]), 5)
        return part.cancelled()

    assert asyncio.run(main())
    assert swallowed == ["undone"]


def test_a_notice_is_acted_on_a_quarter_of_a_second_later() -> None:
    assert RepairRateLimiter().next_scan_at(100.0) == 100.0 + NOTICE_COALESCE_S


def test_a_long_scan_delays_the_next_but_never_by_a_second() -> None:
    pace = RepairRateLimiter()
    pace.record_scan(begun=100.0, ended=100.1)
    assert pace.next_scan_at(100.1) == pytest.approx(100.5)
    pace.record_scan(begun=200.0, ended=210.0)
    assert pace.next_scan_at(210.0) == 210.5


def test_after_ten_repairs_there_is_one_in_five_seconds_until_it_is_calm() -> None:
    pace = RepairRateLimiter()
    for number in range(REPAIR_BURST):
        assert not pace.is_exhausted(number)
        pace.record_repair(float(number))
    assert pace.next_scan_at(10.0) == REPAIR_BURST - 1 + REPAIR_SLOW_INTERVAL_S
    assert pace.next_scan_at(100.0) == 100.0 + NOTICE_COALESCE_S


@pytest.mark.parametrize(
    "sent, received, waiting, full",
    [
        (8_600_000, 0, 0, True),
        (0, 17_200_000, 0, True),
        (8_400_000, 16_800_000, 0, False),
        (5_000_000, 0, 61_000, False),
        (5_000_000, 0, 63_000, True),
        (0, 0, 1_000_000, False),
    ],
)
def test_a_line_is_full_by_its_rates_or_by_what_waits(
    sent: int, received: int, waiting: int, *, full: bool
) -> None:
    filled = is_upload_full(sent, 10_000_000, backlog=waiting)
    assert (filled or is_download_full(received, 20_000_000)) is full


@pytest.mark.parametrize("waiting, full", [(0, False), (24_000, False), (26_000, True)])
def test_a_line_without_a_rate_is_full_by_what_waits(waiting: int, *, full: bool) -> None:
    assert is_upload_full(4_000_000, None, backlog=waiting) is full
    assert not is_download_full(900_000_000, None)


@pytest.fixture
def waiting(tmp_path: Path) -> PendingCommitStore:
    return PendingCommitStore(state_dir=tmp_path / "state", runtime_dir=tmp_path / "run")


def pending_commit(within_s: float = 60.0) -> PendingCommit:
    return PendingCommit.start(within_s=within_s, old=b"old", new=b"new", source="a.toml")


def test_a_record_is_read_back_and_cleared(waiting: PendingCommitStore) -> None:
    assert waiting.read() is None
    assert waiting.remaining_s() is None
    found = pending_commit()
    waiting.write(found)
    waiting.write(
        found.with_new_deadline(within_s=50.0)
    )  # the previous copy must not stand in for it later
    left = waiting.remaining_s()
    assert left is not None
    assert 40 < left <= 50
    waiting.clear()
    assert waiting.read() is None


@pytest.mark.parametrize("lost", ["state", "run"])
def test_either_copy_of_a_record_serves(
    waiting: PendingCommitStore, tmp_path: Path, lost: str
) -> None:
    waiting.write(pending_commit())
    for file in (tmp_path / lost).iterdir():
        file.write_bytes(b"# sha256:0\n{}")
    found = waiting.read()
    assert found is not None
    assert (found.old, found.new) == ("old", "new")


def test_after_a_reboot_every_record_is_overdue() -> None:
    found, now = pending_commit(), BootTime.now()
    assert found.remaining_s(now) > 0
    assert found.remaining_s(BootTime(boot="another", seconds=0.0)) == 0
    assert found.remaining_s(BootTime(boot=now.boot, seconds=now.seconds + 61)) == 0


def test_what_was_rejected_is_remembered_until_it_is_forgiven(waiting: PendingCommitStore) -> None:
    assert waiting.rejected_digest() == ""
    waiting.reject("sha256:1")
    waiting.reject("sha256:2")
    assert waiting.rejected_digest() == "sha256:2"
    waiting.clear_rejected()
    assert waiting.rejected_digest() == ""


def test_the_health_snapshot_is_restored(tmp_path: Path) -> None:
    config = config_of(TWO_LINES)
    health = health_of(config, fiber=UplinkState.DOWN)
    state = initial_state(config, 0.0, health)
    assert snapshot.load_health(tmp_path) is None
    snapshot.save_health(tmp_path, health, state)
    assert snapshot.load_health(tmp_path) == health
    (tmp_path / "health.json").write_text('{"boot": 1}', encoding="utf-8")
    assert snapshot.load_health(tmp_path) is None
    known = health_without_daemon(config, facts_of(config))
    snapshot.save_health(tmp_path / "nowhere", known, state)


def test_an_error_arrives_as_what_it_was() -> None:
    assert result_or_raise(ok_response({"a": 1})) == {"a": 1}
    with pytest.raises(NotAppliedError, match="what") as raised:
        result_or_raise(error_response(NotAppliedError("what", remedy="remedy")))
    assert raised.value.remedy == "remedy"


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"verb": 1}', b"\xff", b"[" * 99_999])
def test_what_is_no_request_is_bad_usage(text: bytes) -> None:
    with pytest.raises(UsageError):
        parse_request(text)


def test_history_is_kept_and_read_back(tmp_path: Path) -> None:
    complaints: list[str] = []
    history = History(tmp_path, on_error=complaints.append)
    for number in range(20):
        history.add(LogEvent(kind="move", text=str(number), more={"took_ms": number}))
    sample = UplinkSample(
        at=utc_timestamp(), uplink="a", state="up", rtt_ms=1.0, jitter_ms=None, loss_percent=0.0,
        upload_bps=1, download_bps=2,
    )  # fmt: skip
    history.add(sample)
    history.close()
    assert [entry.text for entry in recent_events(tmp_path, limit=3)] == ["17", "18", "19"]
    assert recent_events(tmp_path, limit=1)[0].more == {"took_ms": 19}
    assert complaints == []


def test_a_clock_that_is_set_back_does_not_disorder_the_history(tmp_path: Path) -> None:
    history = History(tmp_path, on_error=[].append)
    for hour in (12, 13, 9, 10):
        history.add(LogEvent(at=f"2026-11-24T{hour:02}:00:00.000Z", kind="move", text=str(hour)))
    history.close()
    assert [entry.text for entry in recent_events(tmp_path, limit=4)] == ["12", "13", "9", "10"]


def test_a_history_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"rubbish" * 1000)
    complaints: list[str] = []
    history = History(tmp_path, on_error=complaints.append)
    history.add(LogEvent(kind="a", text="lost"))
    history.close()
    again = History(tmp_path, on_error=complaints.append)
    again.add(LogEvent(kind="a", text="kept"))
    again.close()
    assert [entry.text for entry in recent_events(tmp_path, limit=9)] == ["kept"]
    assert len(complaints) == 1
    assert (tmp_path / "history.db.damaged").exists()


def test_a_wakeup_ends_a_rest_at_once_soon_or_in_time() -> None:
    async def rests() -> list[float]:
        alarm, loop = Wakeup(), asyncio.get_running_loop()
        took = []
        for ring in (
            alarm.set,
            lambda: loop.call_later(0.02, alarm.set),
            lambda: loop.call_later(0.02, alarm.set_within, 0.02),
            lambda: alarm.set_within(0.05),
            lambda: None,
        ):
            alarm.clear()
            ring()
            begun = loop.time()
            await alarm.wait(1)
            took.append(loop.time() - begun)
        return took

    at_once, set_later, soon_later, soon, not_at_all = asyncio.run(rests())
    assert max(at_once, set_later, soon_later, soon) < 1 <= not_at_all
    assert at_once < set_later > 0.019
    assert min(soon_later, soon) > 0.03


def test_a_task_that_fails_is_restarted_alone() -> None:
    said: list[str] = []
    runs = 0

    async def part() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            await asyncio.Event().wait()
        raise RuntimeError("of course")

    async def watch() -> None:
        task = asyncio.create_task(run_forever("a part", part, said.append))
        async with asyncio.timeout(10):
            while runs < 3:
                await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(watch())
    assert len(said) == 2
    assert "a part failed" in said[0]
    assert "of course" in said[0]
