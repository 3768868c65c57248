"""`apply --confirm-within` without a daemon: without a confirm it is undone, even after a kill."""

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.daemon.confirm.pending_commit import PendingCommitStore
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.hosts import GatewayHost, package_env
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import INTERRUPTIBLE, require_success
from tests.kit.configs import BALANCE_CONFIG
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

NEW_CONFIG = BALANCE_CONFIG.replace("fiber = 70, lte = 30", "fiber = 50, lte = 50").replace(
    "10.10.40.1/22", "10.10.40.1/23"
)


@pytest.fixture
def venue(build_applied_venue: VenueBuilder) -> Venue:
    """The old configuration applied, the new one written."""
    venue = build_applied_venue(BALANCE_CONFIG)
    venue.write_config(parse(NEW_CONFIG.encode(), source="new").config)
    return venue


def pending_s(gateway: GatewayHost) -> int | None:
    found = json.loads(require_success(gateway.run_lbrouter("status", "--json")))
    return found["pending_confirm_s"]  # type: ignore[no-any-return]


def pending_store(gateway: GatewayHost) -> PendingCommitStore:
    return PendingCommitStore(
        state_dir=gateway.state_dir, runtime_dir=gateway.runtime_dir, report=pytest.fail
    )


def has_address(gateway: GatewayHost, prefix: str) -> bool:
    return prefix in gateway.run(["ip", "-o", "-4", "address"]).stdout


def rollback_timer_pids(gateway: GatewayHost) -> list[int]:
    """Processes that wait to undo something in this venue."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if (
                b"lbrouter.daemon.confirm.rollback_process" in words
                and os.fsencode(gateway.state_dir) in words
            ):
                found.append(int(folder.name))
    return found


def test_confirmed_in_time_it_stays(venue: Venue) -> None:
    gateway = venue.gateway
    old = gateway.snapshot()
    said = require_success(gateway.run_lbrouter("apply", "--confirm-within", "30s"))
    assert "unless you run: lbrouter confirm" in said
    assert pending_s(gateway) in range(10, 31)
    require_success(gateway.run_lbrouter("confirm"))
    assert pending_s(gateway) is None
    assert eventually(lambda: not rollback_timer_pids(gateway))
    assert gateway.snapshot() != old
    assert require_success(gateway.run_lbrouter("plan")) == "nothing to change\n"


def test_unconfirmed_it_is_undone_though_the_terminal_is_killed(venue: Venue) -> None:
    gateway = venue.gateway
    old = gateway.snapshot()
    argv = gateway.lbrouter_argv("apply", "--confirm-within", "3s")
    script = ["script", "--quiet", "--return", "--command", " ".join(argv), "/dev/null"]
    terminal = subprocess.Popen(
        process_netns.exec_argv(gateway.namespace, script),
        env=package_env(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    assert eventually(lambda: not has_address(gateway, "10.10.40.1/22"), within_s=20)
    assert rollback_timer_pids(gateway)
    with suppress(ProcessLookupError):
        os.killpg(terminal.pid, signal.SIGHUP)
        os.killpg(terminal.pid, signal.SIGKILL)
    terminal.wait()
    assert eventually(lambda: gateway.snapshot() == old, within_s=20)
    assert eventually(lambda: not rollback_timer_pids(gateway))
    late = gateway.run_lbrouter("confirm")
    assert late.returncode == ExitCode.TRY_AGAIN


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_an_apply_that_is_nearly_done_leaves_nothing_unconfirmed(
    venue: Venue, number: signal.Signals
) -> None:
    gateway = venue.gateway
    old = gateway.snapshot()
    argv = gateway.exec_argv(gateway.lbrouter_argv("apply", "--confirm-within", "3s"))
    process = subprocess.Popen(
        [*INTERRUPTIBLE, *argv],
        env=package_env(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert eventually(lambda: not has_address(gateway, "10.10.40.1/22"), within_s=20)
    process.send_signal(number)
    process.wait()
    assert eventually(lambda: gateway.snapshot() == old, within_s=20)
    assert eventually(lambda: not rollback_timer_pids(gateway))
    assert pending_store(gateway).read() is None


def test_rollback_at_once(venue: Venue) -> None:
    gateway = venue.gateway
    old = gateway.snapshot()
    require_success(gateway.run_lbrouter("apply", "--confirm-within", "1h"))
    refused = gateway.run_lbrouter("apply")
    assert refused.returncode == ExitCode.TRY_AGAIN
    assert "waits for confirmation" in refused.stderr
    require_success(gateway.run_lbrouter("rollback"))
    assert gateway.snapshot() == old
    assert "nothing to change" in require_success(gateway.run_lbrouter("rollback"))


def test_without_an_old_configuration_nothing_is_left(build_venue: VenueBuilder) -> None:
    gateway = build_venue(BALANCE_CONFIG).gateway
    bare = gateway.snapshot()
    require_success(gateway.run_lbrouter("apply", "--confirm-within", "1s"))
    assert eventually(lambda: pending_store(gateway).read() is None, within_s=20)
    assert gateway.snapshot() == bare


def simulate_reboot(gateway: GatewayHost, record: Any) -> None:
    """As after a restart of the machine: another boot id, and nothing runs."""
    for pid in rollback_timer_pids(gateway):
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not rollback_timer_pids(gateway))
    path = gateway.state_dir / "pending.json"
    assert record.boot == BootTime.now().boot
    other = type(record)(**{**slot_values(record), "boot": "an earlier boot"})
    pending_store(gateway).write(other)
    assert path.exists()


def slot_values(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def test_after_a_reboot_the_next_start_restores_the_old_one_first(venue: Venue) -> None:
    gateway = venue.gateway
    old = gateway.snapshot()
    require_success(gateway.run_lbrouter("apply", "--confirm-within", "1h"))
    record = pending_store(gateway).read()
    assert record is not None
    simulate_reboot(gateway, record)
    late = gateway.run_lbrouter("confirm")
    assert late.returncode == ExitCode.TRY_AGAIN
    assert "not confirmed in time" in late.stderr
    assert gateway.snapshot() == old
    assert pending_store(gateway).read() is None


def test_an_apply_that_is_refused_leaves_nothing_pending(venue: Venue) -> None:
    gateway = venue.gateway
    old = gateway.snapshot()
    (gateway.state_dir / "rulesets").rename(gateway.state_dir / "elsewhere")
    (gateway.state_dir / "rulesets").write_text("in the way", encoding="utf-8")
    done = gateway.run_lbrouter("apply", "--confirm-within", "1h")
    assert done.returncode != ExitCode.DONE
    assert pending_store(gateway).read() is None
    assert gateway.snapshot() == old
    assert eventually(lambda: not rollback_timer_pids(gateway))


def test_a_second_pending_commit_goes_back_to_what_was_confirmed(venue: Venue) -> None:
    gateway = venue.gateway
    old = gateway.snapshot()
    require_success(gateway.run_lbrouter("apply", "--confirm-within", "1h"))
    third = NEW_CONFIG.replace("10.10.40.1/23", "10.10.40.1/24")
    venue.write_config(parse(third.encode(), source="third").config)
    require_success(gateway.run_lbrouter("apply", "--confirm-within", "2s"))
    assert eventually(lambda: gateway.snapshot() == old, within_s=20)
    assert pending_store(gateway).read() is None
