"""The reconcile loop when its socket or its rights fail: it reports it, reopens, and goes on."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import ExitCode
from tests.kit.commands import require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.programs import KEPT_CAPABILITIES, NO_EXEC_MEMORY_SCRIPT, UNIT_RIGHTS_ARGV
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually

LOOP_SCRIPT = """
import asyncio, sys
from pathlib import Path
from lbrouter.daemon.config_file import load_config
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.daemon.reconcile.reconciler import build_reconciler
from lbrouter.daemon.health.tracker import HealthTracker
from lbrouter.daemon.overrides.store import OperatorOverrides
from lbrouter.kernel.backend import LinuxKernel

async def main(config, state_dir, runtime_dir):
    file = load_config(Path(config))
    async with LinuxKernel() as kernel:
        reconciler = build_reconciler(
            kernel,
            state_dir=Path(state_dir),
            runtime_dir=Path(runtime_dir),
            limits=lambda _: {},
            blocked=frozenset,
            report_damage=print,
        )
        snapshot, journal = await reconciler.applier.observe(file.config), Journal(Path(state_dir))
        tracker = HealthTracker(file.config, journal, known=snapshot.health)
        loop = ReconcileLoop(reconciler, journal, file, tracker, OperatorOverrides())
        loop.activate(file, tracker)
        await loop.reconcile()
        print("held", loop.reconciler.applied is not None)
        kernel._ipr.close()
        for _ in range(3):
            await loop.reconcile()
        print("again", loop.reconciler.applied is not None, loop.applier.kernel is not kernel)
        loop.journal.close()

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_socket_that_died_is_replaced(build_applied_venue: VenueBuilder, tmp_path: Path) -> None:
    gateway = build_applied_venue(FAILOVER_CONFIG).gateway
    script = tmp_path / "script.py"
    script.write_text(LOOP_SCRIPT, encoding="utf-8")
    places = [gateway.config_path, gateway.state_dir, gateway.runtime_dir]
    argv = [*gateway.lbrouter_argv()[:1], str(script), *map(str, places)]
    done = gateway.run(["env", f"PYTHONPATH={Path(__file__).parents[3]}", *argv])
    assert require_success(done).splitlines() == ["held True", "again True True"], done.stderr
    assert "tried again soon" in done.stderr


def test_the_rights_that_the_unit_leaves_are_enough(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    require_success(
        venue.gateway.run_lbrouter("apply")
    )  # what the kernel can do is known from here on
    require_success(venue.gateway.run_lbrouter("down"))
    wrapper = [*UNIT_RIGHTS_ARGV, sys.executable, "-c", NO_EXEC_MEMORY_SCRIPT]
    with GatewayDaemon(venue.gateway, wrapper=wrapper) as daemon:
        assert int(capabilities(daemon), 16).bit_count() == len(KEPT_CAPABILITIES)
        assert uplink_of_new_flow(venue) == "fiber"
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: uplink_of_new_flow(venue) == "lte")
        # What is flushed during a change is put back by that change, and then is no repair.
        assert eventually(lambda: venue.gateway.run_lbrouter("plan").returncode == ExitCode.DONE)
        venue.gateway.check_output(["nft", "flush", "ruleset"])
        assert eventually(lambda: bool(daemon.events("repair")))
        venue.gateway.check_output(["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"])
        assert eventually(lambda: len(daemon.events("repair")) > 1)
        # A flush during a change of the daemon's own is an error, but not one of rights.
        assert "not permitted" not in daemon.log_text().lower()


DHCP_SERVER_CONFIG = FAILOVER_CONFIG.replace(
    'address = "10.10.10.1/24"\n',
    'address = "10.10.10.1/24"\ndhcp = { range = "10.10.10.50-10.10.10.99" }\n',
)


def test_a_dnsmasq_of_another_user_is_known_ended_and_started_again(
    build_venue: VenueBuilder,
) -> None:
    venue = build_venue(DHCP_SERVER_CONFIG)
    gateway = venue.gateway
    require_success(gateway.run_lbrouter("apply"))  # what the kernel can do is known from here on
    require_success(gateway.run_lbrouter("down"))
    pid_file = gateway.runtime_dir / "dnsmasq.pid"
    with GatewayDaemon(gateway) as daemon:
        assert eventually(pid_file.exists, within_s=15), daemon.log_text()
        second = int(pid_file.read_text())
        assert Path(f"/proc/{second}").stat().st_uid != 0
        for _ in range(2):
            first = second
            os.kill(first, signal.SIGKILL)
            assert eventually(lambda first=first: has_other_pid(pid_file, first), within_s=15), (
                daemon.log_text()
            )
            second = int(pid_file.read_text())
        assert eventually(lambda: len(dnsmasq_repairs(daemon)) == 2)
        assert eventually(daemon.is_serving)
        assert len(dnsmasq_repairs(daemon)) == 2, (
            "one that cannot be recognised would be replaced again and again"
        )
        other = DHCP_SERVER_CONFIG.replace("10.10.10.99", "10.10.10.98")
        venue.write_config(parse(other.encode(), source="x").config)
        require_success(gateway.run_lbrouter("apply"))
        assert eventually(lambda: has_other_pid(pid_file, second), within_s=15), daemon.log_text()
        third = int(pid_file.read_text())
        assert daemon.stop() == 0
    assert Path(f"/proc/{third}").exists(), "it serves on while no daemon runs"
    require_success(gateway.run_lbrouter("down"))
    assert eventually(lambda: not Path(f"/proc/{third}").exists())


def has_other_pid(pid_file: Path, before: int) -> bool:
    """Whether another one runs."""
    with suppress(OSError, ValueError):
        return int(pid_file.read_text()) != before
    return False


def dnsmasq_repairs(daemon: GatewayDaemon) -> list[str]:
    return [each["text"] for each in daemon.events("repair") if "dnsmasq" in each["text"]]


def capabilities(daemon: GatewayDaemon) -> str:
    status = (daemon.proc_dir / "status").read_text(encoding="ascii")
    return status.split("CapEff:")[1].split()[0]
