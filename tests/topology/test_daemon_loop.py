"""The loop when its own tools fail: it says so, gets new ones, and goes on."""

import sys
from pathlib import Path

from tests.topology.conftest import VenueOf, eventually, succeeded
from tests.topology.daemons import Daemon
from tests.topology.test_daemon_failover import TWO, carrier_of

SCRIPT = """
import asyncio, sys
from pathlib import Path
from lbrouter.daemon.file import load
from lbrouter.daemon.journal import Journal
from lbrouter.daemon.loop import Loop
from lbrouter.daemon.machine import Machine
from lbrouter.daemon.mind import Mind
from lbrouter.kernel.linux import LinuxKernel

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
    done = gateway.run(["env", f"PYTHONPATH={Path(__file__).parents[2]}", *argv])
    assert succeeded(done).splitlines() == ["held True", "again True True"], done.stderr
    assert "next try soon" in done.stderr


RIGHTS = (
    *("setpriv", "--no-new-privs", "--inh-caps", "-all"),
    *("--bounding-set", "-all,+net_admin,+net_raw"),
)
"""As in packaging/lbrouter.service."""

NO_NEW_CODE = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""PR_SET_MDWE (Linux 6.3), which is what MemoryDenyWriteExecute asks for; older ones ignore it."""


def test_the_rights_that_the_unit_leaves_are_enough(venue_of: VenueOf) -> None:
    venue = venue_of(TWO)
    succeeded(venue.gateway.lbrouter("apply"))  # what the kernel can do is known from here on
    succeeded(venue.gateway.lbrouter("down"))
    wrapper = [*RIGHTS, sys.executable, "-c", NO_NEW_CODE]
    with Daemon(venue.gateway, wrapper=wrapper) as daemon:
        assert int(capabilities(daemon), 16) == 1 << 12 | 1 << 13
        assert carrier_of(venue) == "fiber"
        venue.isp("fiber").carrier(up=False)
        assert eventually(lambda: carrier_of(venue) == "lte")
        venue.gateway.check(["nft", "flush", "ruleset"])
        assert eventually(lambda: bool(daemon.events("repair")))
        venue.gateway.check(["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"])
        assert eventually(lambda: len(daemon.events("repair")) > 1)
        assert not daemon.says("trouble")


def capabilities(daemon: Daemon) -> str:
    status = (daemon.folder / "status").read_text(encoding="ascii")
    return status.split("CapEff:")[1].split()[0]
