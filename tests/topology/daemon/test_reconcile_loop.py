"""The loop when its own tools fail: it says so, gets new ones, and goes on."""

import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path

from lbrouter.compile.config.parse import parse
from tests.kit.gateway_daemon import Daemon
from tests.topology.conftest import VenueOf, eventually, succeeded
from tests.topology.failover.test_failover import TWO, carrier_of

SCRIPT = """
import asyncio, sys
from pathlib import Path
from lbrouter.daemon.config_file import load
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.reconcile.loop import Loop
from lbrouter.daemon.applier import Machine
from lbrouter.daemon.health.tracker import Mind
from lbrouter.kernel.backend import LinuxKernel

async def main(config, state_dir, runtime_dir):
    file = load(Path(config))
    async with LinuxKernel() as kernel:
        machine = Machine(kernel, state_dir=Path(state_dir), runtime_dir=Path(runtime_dir))
        found = await machine.look(file.config)
        loop = Loop(machine, Journal(Path(state_dir)))
        loop.begin(file, Mind(file.config, loop.journal, known=found.health))
        await loop.round()
        print("held", loop.rounds.held is not None)
        kernel._ipr.close()
        for _ in range(3):
            await loop.round()
        print("again", loop.rounds.held is not None, loop.machine.kernel is not kernel)
        loop.journal.close()

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_socket_that_died_is_replaced(applied: VenueOf, tmp_path: Path) -> None:
    gateway = applied(TWO).gateway
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    places = [gateway.config, gateway.state_dir, gateway.runtime_dir]
    argv = [*gateway.lbrouter_argv()[:1], str(script), *map(str, places)]
    done = gateway.run(["env", f"PYTHONPATH={Path(__file__).parents[3]}", *argv])
    assert succeeded(done).splitlines() == ["held True", "again True True"], done.stderr
    assert "next try soon" in done.stderr


UNIT = (Path(__file__).parents[3] / "packaging/lbrouter.service").read_text(encoding="utf-8")
[BOUND] = re.findall("^CapabilityBoundingSet=(.*)$", UNIT, re.MULTILINE)
LEFT = [f"+{name.removeprefix('CAP_').lower()}" for name in BOUND.split()]
RIGHTS = (
    *("setpriv", "--no-new-privs", "--inh-caps", "-all"),
    *("--bounding-set", ",".join(["-all", *LEFT])),
)

NO_NEW_CODE = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.umask(0o077)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""PR_SET_MDWE (Linux 6.3), which is what MemoryDenyWriteExecute asks for; older ones ignore it."""


def test_the_rights_that_the_unit_leaves_are_enough(venue_of: VenueOf) -> None:
    venue = venue_of(TWO)
    succeeded(venue.gateway.lbrouter("apply"))  # what the kernel can do is known from here on
    succeeded(venue.gateway.lbrouter("down"))
    wrapper = [*RIGHTS, sys.executable, "-c", NO_NEW_CODE]
    with Daemon(venue.gateway, wrapper=wrapper) as daemon:
        assert int(capabilities(daemon), 16).bit_count() == len(LEFT)
        assert carrier_of(venue) == "fiber"
        venue.isp("fiber").carrier(up=False)
        assert eventually(lambda: carrier_of(venue) == "lte")
        venue.gateway.check(["nft", "flush", "ruleset"])
        assert eventually(lambda: bool(daemon.events("repair")))
        venue.gateway.check(["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"])
        assert eventually(lambda: len(daemon.events("repair")) > 1)
        # A flush that falls into a change of the daemon's own is a trouble, but not one of rights.
        assert "not permitted" not in daemon.said().lower()


SERVED = TWO.replace(
    'address = "10.10.10.1/24"\n',
    'address = "10.10.10.1/24"\ndhcp = { range = "10.10.10.50-10.10.10.99" }\n',
)


def test_they_are_enough_for_dnsmasq_as_well(venue_of: VenueOf) -> None:
    """It becomes another user: it is known all the same, ended, and started again."""
    venue = venue_of(SERVED)
    gateway = venue.gateway
    succeeded(gateway.lbrouter("apply"))  # what the kernel can do is known from here on
    succeeded(gateway.lbrouter("down"))
    pid_file = gateway.runtime_dir / "dnsmasq.pid"
    with Daemon(gateway, wrapper=[*RIGHTS, sys.executable, "-c", NO_NEW_CODE]) as daemon:
        assert eventually(pid_file.exists, within_s=15), daemon.said()
        second = int(pid_file.read_text())
        assert Path(f"/proc/{second}").stat().st_uid != 0
        for _ in range(2):
            first = second
            os.kill(first, signal.SIGKILL)
            assert eventually(lambda: again(pid_file, first), within_s=15), daemon.said()  # noqa: B023
            second = int(pid_file.read_text())
        repairs = [each for each in daemon.events("repair") if "dnsmasq" in each["text"]]
        assert len(repairs) == 2, "one that cannot be recognised would be replaced again and again"
        other = SERVED.replace("10.10.10.99", "10.10.10.98")
        venue.write_config(parse(other.encode(), source="x").config)
        succeeded(gateway.lbrouter("apply"))
        assert eventually(lambda: again(pid_file, second), within_s=15), daemon.said()
        third = int(pid_file.read_text())
        assert daemon.stop() == 0
    assert Path(f"/proc/{third}").exists(), "it serves on while no daemon runs"
    succeeded(gateway.lbrouter("down"))
    assert eventually(lambda: not Path(f"/proc/{third}").exists())


def again(pid_file: Path, before: int) -> bool:
    """Whether another one runs."""
    with suppress(OSError, ValueError):
        return int(pid_file.read_text()) != before
    return False


def capabilities(daemon: Daemon) -> str:
    status = (daemon.folder / "status").read_text(encoding="ascii")
    return status.split("CapEff:")[1].split()[0]
