"""Starts a pppd: as a transient unit where systemd runs, else in a mount namespace of its own."""

import shutil
import subprocess
from typing import Final

from lbrouter.model.errors import NotAppliedError, UnavailableError
from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.messages.phrase import phrase
from lbrouter.services import process
from lbrouter.services.process import PROGRAM_SEARCH_PATH

PPPD_INSTALL_REMEDY: Final = "Install it: apt install ppp"
PPPD_START_TIMEOUT_S: Final = 20.0

EMPTY_ETC_PPP_ARGV: Final = (
    *("unshare", "--mount", "--propagation", "slave", "sh", "-c"),
    'mount -t tmpfs -o mode=755 none /etc/ppp && exec "$@"',
    "sh",
)
"""Before pppd's command line: pppd sees an empty /etc/ppp. Options and scripts there are for other
sessions, and not all of the scripts can be switched off by an option."""


def find_binary() -> str | None:
    """Where pppd is; /usr/sbin is not on every PATH."""
    return shutil.which("pppd", path=PROGRAM_SEARCH_PATH)


def start(wanted: ManagedProcess) -> None:
    """Start pppd; it has read its options and is in the background when this returns.

    Raises NotAppliedError with its own words, UnavailableError where a program is missing.
    """
    # The command line, below `systemd-run` or `unshare`. A unit has the rights that a
    # hardened daemon lacks, and stays when the daemon ends.
    if process.under_systemd():
        argv = [
            *("systemd-run", "--quiet", "--collect", f"--unit=lbrouter-{wanted.name}"),
            *(f"--description={wanted.why}", "--property=Type=forking"),
            *("--property=TemporaryFileSystem=/etc/ppp:ro", "--"),
            *wanted.argv,
        ]
    else:
        argv = [*EMPTY_ETC_PPP_ARGV, *wanted.argv]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PPPD_START_TIMEOUT_S,
            start_new_session=True,
            check=False,
            cwd="/",
            env={"PATH": PROGRAM_SEARCH_PATH},
        )
    except FileNotFoundError as error:
        raise UnavailableError(
            phrase("{program} is not installed.", program=argv[0]), remedy=PPPD_INSTALL_REMEDY
        ) from error
    except subprocess.TimeoutExpired as error:
        raise NotAppliedError(
            phrase("{name} did not finish its start.", name=wanted.name)
        ) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or phrase(
            "exit code {code}", code=done.returncode
        )
        raise NotAppliedError(phrase("{name} does not start: {said}", name=wanted.name, said=said))
