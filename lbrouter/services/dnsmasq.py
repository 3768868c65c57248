"""The dnsmasq of this gateway: look whether it runs, start it, replace it, end it.

One process for a runtime directory (`program_host` says how it is known); any other dnsmasq on the
machine is left alone. The file on disk is always the one that the running process was started
with: an old process is ended before a new file is written.
"""

import grp
import pwd
import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Final

from lbrouter.compile.services import dnsmasq
from lbrouter.compile.services.dnsmasq_leases import LanLease, parse_leases
from lbrouter.model.config import Config
from lbrouter.model.errors import NotAppliedError, UnavailableError
from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.plan import Action, Operation, Phase
from lbrouter.services.process import PROGRAM_SEARCH_PATH
from lbrouter.services.program_host import UNITS_RUNTIME_DIR, UNITS_STATE_DIR, Program
from lbrouter.services.unit_program import host_of
from lbrouter.system import atomic_file

DNSMASQ_INSTALL_REMEDY: Final = "Install it: apt install dnsmasq-base"
DNSMASQ_UNIT: Final = "lbrouter-dnsmasq.service"
DNSMASQ_OWN_USER: Final = "lbrouter-dnsmasq"
DNSMASQ_SHARED_USER: Final = "nobody"
DNSMASQ_USERS: Final = (DNSMASQ_OWN_USER, "dnsmasq", DNSMASQ_SHARED_USER)
"""Our package creates the first, Debian's dnsmasq-base the second; none has any rights. Sockets and
leases are open by then."""

SERVER_OPTION: Final = "--server="
DNSMASQ_TEST_TIMEOUT_S: Final = 20.0

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
        as_packaged = (runtime_dir, state_dir) == (UNITS_RUNTIME_DIR, UNITS_STATE_DIR)
        self.paths = dnsmasq.DnsmasqPaths(
            # It is found by its command line, so the path must not depend on the current directory.
            runtime_dir=runtime_dir.absolute(),
            state_dir=state_dir.absolute(),
            user=user,
            group=group,
        )
        self.file = Path(self.paths.config_file)
        self.pid_file = Path(self.paths.pid_file)
        self.servers_file = Path(self.paths.servers_file)
        self.leases_file = Path(self.paths.lease_file)
        self._host = host_of(
            Program(
                name="dnsmasq",
                argv=dnsmasq.dnsmasq_argv(self.paths),
                mark=f"--conf-file={self.file}",
                pid_file=self.pid_file,
                owners=_owners(user),
                install_remedy=DNSMASQ_INSTALL_REMEDY,
                unit=DNSMASQ_UNIT if as_packaged and user == DNSMASQ_OWN_USER else "",
            )
        )

    def pids(self) -> tuple[int, ...]:
        """Our processes: none, or one (and its short-lived children, which answer over TCP)."""
        if not (self.file.exists() or self.pid_file.exists()):
            return ()
        return self._host.pids()

    def current_leases(self) -> tuple[LanLease, ...]:
        """The leases as dnsmasq last wrote them; they are there without a process, too."""
        return parse_leases(_read_text(self.leases_file))

    def observe(self) -> ManagedProcess | None:
        """The running process. One in another namespace has no argv, so it is replaced."""
        if not self.pids():
            return None
        return ManagedProcess(
            name="dnsmasq",
            argv=self._host.argv(),
            config_text=_read_text(self.file),
            pid_file=str(self.pid_file),
        )

    def pending_operations(self, config: Config | None) -> tuple[Operation, ...]:
        """The operations that make it serve what `config` says (None: nothing at all)."""
        desired = None if config is None else dnsmasq.dnsmasq_process(config, self.paths)
        if desired is not None:
            desired = replace(desired, argv=self._with_servers(desired.argv))
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
        self._stop()
        if isinstance(new, ManagedProcess):
            self._write_files(new.config_text)
            self._start(new)
        else:
            self.servers_file.unlink(missing_ok=True)

    def servers(self) -> str:
        """The resolvers of the lines that are asked now, as dnsmasq's file of servers has them."""
        return _read_text(self.servers_file)

    def put_servers(self, text: str) -> None:
        """Have the resolvers asked that `text` names. Raises NotAppliedError.

        dnsmasq reads the file again as a user without rights. Where its folder is closed to that
        user, the process is started again, with the same on its command line.
        """
        try:
            self._write_servers(text)
        except OSError as error:
            raise NotAppliedError(
                phrase("The resolvers of the lines cannot be set: {error}.", error=error)
            ) from error
        running = self.observe()
        if running is None or not running.argv:
            return  # none here: the next one is started with them
        if self._is_open:
            self._host.reload()
            return
        kept = tuple(word for word in running.argv if not word.startswith(SERVER_OPTION))
        self._host.stop()
        self._start(replace(running, argv=(*kept, *self._server_options())))

    def _with_servers(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """The command line; with the resolvers of the lines where the file of them is closed."""
        option = f"--servers-file={self.servers_file}"
        if option not in argv or self._is_open:
            return argv
        return (*(word for word in argv if word != option), *self._server_options())

    def _server_options(self) -> tuple[str, ...]:
        return tuple(f"--{line}" for line in self.servers().splitlines())

    @property
    def _is_open(self) -> bool:
        """Whether dnsmasq's user may enter the folder of the file of servers."""
        folders = (folder for folder in self.servers_file.parents if folder.exists())
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)

    def _write_servers(self, text: str) -> None:
        """Aside, then renamed, and readable by dnsmasq's user."""
        beside = self.servers_file.with_suffix(".servers-new")
        beside.write_text(text, encoding="ascii")
        beside.chmod(0o644)
        beside.replace(self.servers_file)

    def _write_files(self, text: str) -> None:
        try:
            if not self.servers_file.exists():  # what it names stays over a restart
                self._write_servers("")
            self.leases_file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            # dnsmasq opens it while it still is root; other users must not read MAC addresses.
            atomic_file.create_private(self.leases_file)
            atomic_file.replace(self.file, text.encode())
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

    def _stop(self) -> None:
        self._host.stop()
        self.file.unlink(missing_ok=True)

    def _start(self, wanted: ManagedProcess) -> None:
        said = self._host.start(wanted)
        if said:
            remedy = PORT_IN_USE_REMEDY if "in use" in said else APPLY_AGAIN_REMEDY
            raise NotAppliedError(
                phrase(
                    "dnsmasq does not start: {said}\n  {note}",
                    said=said,
                    note=as_phrase(DNSMASQ_NOT_STARTED_NOTE),
                ),
                remedy=remedy,
            )


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
    try:
        done = subprocess.run(
            ["dnsmasq", "--test", "--conf-file=-"],
            executable=find_binary(),
            input=text,
            capture_output=True,
            text=True,
            timeout=DNSMASQ_TEST_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotAppliedError(phrase("dnsmasq did not finish the test of its file.")) from error
    return done.stderr.strip() if done.returncode != 0 else ""


def find_binary() -> str | None:
    """Where dnsmasq is; /usr/sbin is not on every PATH."""
    return shutil.which("dnsmasq", path=PROGRAM_SEARCH_PATH)


def _account() -> tuple[str, str]:
    """The user that the process becomes, and its group."""
    for user in DNSMASQ_USERS:
        try:
            entry = pwd.getpwnam(user)
            return user, grp.getgrgid(entry.pw_gid).gr_name
        except KeyError:
            continue
    return "root", "root"


def _owners(user: str) -> frozenset[int]:
    """Users that our dnsmasq may run as; `nobody` is many programs' user, so it proves nothing."""
    own = set() if user == DNSMASQ_SHARED_USER else {pwd.getpwnam(user).pw_uid}
    return frozenset({0, *own})


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
