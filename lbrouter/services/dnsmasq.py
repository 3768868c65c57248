"""The dnsmasq of this gateway: look whether it runs, start it, replace it, end it.

One process for a runtime directory, known by `--conf-file=` with our file on its command line; any
other dnsmasq on the machine is left alone. The file on disk is always the one that the running
process was started with: an old process is ended before a new file is written.
"""

import grp
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Final

from lbrouter.compile.services import dnsmasq
from lbrouter.compile.services.dnsmasq_leases import LanLease, parse_leases
from lbrouter.model.config import Config
from lbrouter.model.errors import NotAppliedError, UnavailableError
from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.plan import Action, Operation, Phase
from lbrouter.services import process
from lbrouter.services.process import PROGRAM_SEARCH_PATH
from lbrouter.system import atomic_file

DNSMASQ_INSTALL_REMEDY: Final = "Install it: apt install dnsmasq-base"
DNSMASQ_USERS: Final = ("dnsmasq", "nobody")
"""Debian's package creates the first; both have no rights. Sockets and leases are open by then."""

DNSMASQ_START_TIMEOUT_S: Final = 20.0

DNSMASQ_NOT_STARTED_NOTE: Final = (
    "The kernel is as the file says, but clients get no addresses and names from here."
)
DNSMASQ_KEEPS_RUNNING_NOTE: Final = (
    "The kernel is as the file says, but dnsmasq keeps its old settings."
)
APPLY_AGAIN_REMEDY: Final = "Correct it and run `lbrouter apply`."
PORT_IN_USE_REMEDY: Final = (
    "`ss -lntup 'sport = :53 or sport = :67'` names the program that uses the port; stop it and run"
    " `lbrouter apply`."
)


class Dnsmasq:
    """The process of one runtime directory, with its leases in the state directory."""

    def __init__(self, runtime_dir: Path, state_dir: Path) -> None:
        user, group = _account()
        self.paths = dnsmasq.DnsmasqPaths(
            # It is found by its command line, so the path must not depend on the current directory.
            runtime_dir=runtime_dir.absolute(),
            state_dir=state_dir.absolute(),
            user=user,
            group=group,
        )
        self.file = Path(self.paths.config_file)
        self.pid_file = Path(self.paths.pid_file)
        self.leases_file = Path(self.paths.lease_file)

    def pids(self) -> tuple[int, ...]:
        """Our processes: none, or one (and its short-lived children, which answer over TCP)."""
        if not (self.file.exists() or self.pid_file.exists()):
            return ()
        return process.find_pids(self._marker_argument, self.pid_file)

    def current_leases(self) -> tuple[LanLease, ...]:
        """The leases as dnsmasq last wrote them; they are there without a process, too."""
        return parse_leases(_read_text(self.leases_file))

    def observe(self) -> ManagedProcess | None:
        """The running process. One in another namespace has no argv, so it is replaced."""
        found = self.pids()
        if not found:
            return None
        here = process.is_in_our_netns(found[0])
        return ManagedProcess(
            name="dnsmasq",
            argv=process.command_line(found[0]) if here else (),
            config_text=_read_text(self.file),
            pid_file=str(self.pid_file),
        )

    def pending_operations(self, config: Config | None) -> tuple[Operation, ...]:
        """The operations that make it serve what `config` says (None: nothing at all)."""
        desired = None if config is None else dnsmasq.dnsmasq_process(config, self.paths)
        observed = self.observe()
        if observed == desired:
            return ()
        verb = Action.ADD if observed is None else Action.CHANGE
        if desired is None:
            verb = Action.REMOVE
        reason = desired.why if desired is not None else "the file does not ask for it"
        return (
            Operation(phase=Phase.SERVICE, action=verb, new=desired, old=observed, reason=reason),
        )

    def execute(self, operation: Operation) -> None:
        """Execute one of `pending_operations`; NotAppliedError quotes dnsmasq if it fails.

        An apply calls this when the kernel's transaction is over, and that stays as it is.
        """
        new = operation.new
        if isinstance(new, ManagedProcess) and (said := config_error(new.config_text)):
            raise NotAppliedError(
                phrase(
                    "dnsmasq refuses its file: {said}\n  {note}",
                    said=said,
                    note=as_phrase(DNSMASQ_KEEPS_RUNNING_NOTE),
                ),
                remedy=APPLY_AGAIN_REMEDY,
            )
        for pid in self.pids():
            process.terminate(pid, self._marker_argument)
        self.file.unlink(missing_ok=True)
        self.pid_file.unlink(missing_ok=True)
        if isinstance(new, ManagedProcess):
            try:
                self.leases_file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                # dnsmasq opens it while it still is root; other users must not read MAC addresses.
                self.leases_file.touch(mode=0o640)
                atomic_file.replace(self.file, new.config_text.encode())
            except PermissionError:
                raise
            except OSError as error:
                raise NotAppliedError(
                    phrase(
                        "dnsmasq cannot be started: {error}.\n  {note}",
                        error=error,
                        note=as_phrase(DNSMASQ_NOT_STARTED_NOTE),
                    )
                ) from error
            _start(new)

    @property
    def _marker_argument(self) -> str:
        return f"--conf-file={self.file}"


def require(config: Config) -> None:
    """Raise UnavailableError where VLANs lease addresses and there is no dnsmasq to do it."""
    lacking = missing_reason(config)
    if lacking and dnsmasq.has_dhcp_vlans(config):
        raise UnavailableError(lacking, remedy=DNSMASQ_INSTALL_REMEDY)


def missing_reason(config: Config) -> str:
    """A sentence where the file asks for dnsmasq and the machine lacks it, else ""."""
    if not dnsmasq.is_wanted(config) or find_binary() is not None:
        return ""
    leasing = [
        f"vlans.{vlan.name}.{'hosts' if vlan.dhcp is None else 'dhcp'}"
        for vlan in config.vlans.values()
        if dnsmasq.serves_dhcp(vlan)
    ]
    asking: str = ", ".join(leasing) or phrase("gateway.dns or address6")
    return phrase("dnsmasq is not installed, and {asking} needs it.", asking=asking)


def config_error(text: str) -> str:
    """The error of dnsmasq about the file, "" where there is none or it is not installed."""
    if find_binary() is None:
        return ""
    done = _run_dnsmasq(["dnsmasq", "--test", "--conf-file=-"], stdin=text)
    return done.stderr.strip() if done.returncode != 0 else ""


def find_binary() -> str | None:
    """Where dnsmasq is; /usr/sbin is not on every PATH."""
    return shutil.which("dnsmasq", path=PROGRAM_SEARCH_PATH)


def _run_dnsmasq(argv: list[str], *, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """It returns when dnsmasq has opened all it needs and gone to the background, or has failed."""
    try:
        return subprocess.run(
            argv,
            executable=find_binary() or "dnsmasq",
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DNSMASQ_START_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise UnavailableError(
            "dnsmasq is not installed.", remedy=DNSMASQ_INSTALL_REMEDY
        ) from error
    except subprocess.TimeoutExpired as error:
        raise NotAppliedError(
            phrase(
                "dnsmasq did not finish its start.\n  {note}",
                note=as_phrase(DNSMASQ_NOT_STARTED_NOTE),
            )
        ) from error


def _start(wanted: ManagedProcess) -> None:
    done = _run_dnsmasq(list(wanted.argv))
    if done.returncode != 0:
        said = done.stderr.strip() or phrase("exit code {code}", code=done.returncode)
        remedy = PORT_IN_USE_REMEDY if "in use" in said else APPLY_AGAIN_REMEDY
        raise NotAppliedError(
            phrase(
                "dnsmasq does not start: {said}\n  {note}",
                said=said,
                note=as_phrase(DNSMASQ_NOT_STARTED_NOTE),
            ),
            remedy=remedy,
        )


def _account() -> tuple[str, str]:
    """The user that the process becomes, and its group."""
    for user in DNSMASQ_USERS:
        try:
            entry = pwd.getpwnam(user)
            return user, grp.getgrgid(entry.pw_gid).gr_name
        except KeyError:
            continue
    return "root", "root"


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
