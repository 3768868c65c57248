"""How a pppd is started: in its unit where systemd runs, else in a mount namespace of its own."""

import shutil
from pathlib import Path
from typing import Final

from lbrouter.compile.services.pppd import PppdPaths, pppd_argv
from lbrouter.model.sections.device_names import PPP_DEVICE_PREFIX
from lbrouter.services.process import PROGRAM_SEARCH_PATH
from lbrouter.services.program_host import Program

PPPD_INSTALL_REMEDY: Final = "Install it: apt install ppp"
PPPD_UNIT: Final = "lbrouter-pppd@{line}.service"
FORMER_PPPD_UNIT: Final = "lbrouter-pppd-{line}.service"

EMPTY_ETC_PPP_ARGV: Final = (
    *("unshare", "--mount", "--propagation", "slave", "sh", "-c"),
    'mount -t tmpfs -o mode=755 none /etc/ppp && exec "$@"',
    "sh",
)
"""Before pppd's command line: pppd sees an empty /etc/ppp. Options and scripts there are for other
sessions, and not all of the scripts can be switched off by an option. The unit does the same."""


def find_binary() -> str | None:
    """Where pppd is; /usr/sbin is not on every PATH."""
    return shutil.which("pppd", path=PROGRAM_SEARCH_PATH)


def pppd_program(paths: PppdPaths, *, as_packaged: bool) -> Program:
    """The pppd that makes one device. It has to be root's: pppd insists on that."""
    line = paths.device.removeprefix(PPP_DEVICE_PREFIX)
    return Program(
        name=f"pppd of {paths.device}",
        argv=pppd_argv(paths),
        mark=str(paths.options_file),
        pid_file=Path(paths.pid_file),
        owners=frozenset({0}),
        install_remedy=PPPD_INSTALL_REMEDY,
        launcher=EMPTY_ETC_PPP_ARGV,
        unit=PPPD_UNIT.format(line=line) if as_packaged else "",
        former_unit=FORMER_PPPD_UNIT.format(line=line) if as_packaged else "",
    )
