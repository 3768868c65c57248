"""The dnsmasq of this gateway: look whether it runs, start it, replace it, end it.

One process for a runtime directory, known by `--conf-file=` with our file on its command line; any
other dnsmasq on the machine is none of our business. The file on disk is always the one that the
living process was started with: an old process is ended before a new file is put in place.
"""

import grp
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Final

from lbrouter.compile.services import dnsmasq
from lbrouter.compile.services.dnsmasq_leases import Lease, leases
from lbrouter.model.config import Config
from lbrouter.model.errors import NotAppliedError, UnavailableError
from lbrouter.model.managed_process import Service
from lbrouter.model.plan import Operation, Phase, Verb
from lbrouter.services import process

PACKAGE: Final = "Install it: apt install dnsmasq-base"
USERS: Final = ("dnsmasq", "nobody")
"""Debian's package makes the first; both may do nothing. Sockets and leases are open by then."""

SEARCH: Final = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
PATIENCE_S: Final = 20.0

KEPT: Final = "The kernel holds what the file says; clients get no addresses and names from here."
GOES_ON: Final = "The kernel holds what the file says; a dnsmasq that ran before goes on as it was."
AGAIN: Final = "Mend it and run `lbrouter apply`."
IN_THE_WAY: Final = (
    "`ss -lntup 'sport = :53 or sport = :67'` names the program in the way; stop it and run"
    " `lbrouter apply`."
)


class Dnsmasq:
    """The process of one runtime directory, with its leases in the state directory."""

    def __init__(self, runtime_dir: Path, state_dir: Path) -> None:
        user, group = _account()
        self.places = dnsmasq.Places(
            # Its command line is what it is found by, from whatever directory we are started.
            runtime_dir=runtime_dir.absolute(),
            state_dir=state_dir.absolute(),
            user=user,
            group=group,
        )
        self.file = Path(self.places.file)
        self.pid_file = Path(self.places.pid_file)
        self.leases = Path(self.places.leases)

    def pids(self) -> tuple[int, ...]:
        """Our processes: none, or one (and its short-lived children, which answer over TCP)."""
        if not (self.file.exists() or self.pid_file.exists()):
            return ()
        return process.find(self._word, self.pid_file)

    def held(self) -> tuple[Lease, ...]:
        """The leases as dnsmasq last wrote them; they are there without a process, too."""
        return leases(_read(self.leases))

    def observe(self) -> Service | None:
        """What runs. One that is left in another namespace has no command line that we want."""
        found = self.pids()
        if not found:
            return None
        here = process.is_here(found[0])
        return Service(
            name="dnsmasq",
            argv=process.command_line(found[0]) if here else (),
            text=_read(self.file),
            pid_file=str(self.pid_file),
        )

    def pending(self, config: Config | None) -> tuple[Operation, ...]:
        """What is to be done so that it serves what `config` says (None: nothing at all)."""
        desired = None if config is None else dnsmasq.service(config, self.places)
        observed = self.observe()
        if observed == desired:
            return ()
        verb = Verb.ADD if observed is None else Verb.CHANGE
        if desired is None:
            verb = Verb.REMOVE
        reason = desired.why if desired is not None else "the file does not ask for it"
        return (
            Operation(phase=Phase.SERVICE, verb=verb, new=desired, old=observed, reason=reason),
        )

    def carry_out(self, operation: Operation) -> None:
        """Do one of `pending`. Raises NotAppliedError, with dnsmasq's own words, if it fails.

        An apply calls this when the kernel's transaction is over, and that stays as it is.
        """
        new = operation.new
        if isinstance(new, Service) and (said := check(new.text)):
            raise NotAppliedError(f"dnsmasq refuses its file: {said}\n  {GOES_ON}", remedy=AGAIN)
        self._end()
        if isinstance(new, Service):
            self._put(new.text)
            _start(new)

    def _put(self, text: str) -> None:
        try:
            self.leases.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            # dnsmasq opens it while it still is root; MAC addresses are nobody else's business.
            self.leases.touch(mode=0o640)
            aside = self.file.with_name(self.file.name + ".new")
            aside.write_text(text, encoding="utf-8")
            aside.replace(self.file)
        except PermissionError:
            raise
        except OSError as error:
            raise NotAppliedError(f"dnsmasq cannot be started: {error}.\n  {KEPT}") from error

    def _end(self) -> None:
        for pid in self.pids():
            process.end(pid, self._word)
        self.file.unlink(missing_ok=True)
        self.pid_file.unlink(missing_ok=True)

    @property
    def _word(self) -> str:
        return f"--conf-file={self.file}"


def require(config: Config) -> None:
    """Raise UnavailableError where VLANs lease addresses and there is no dnsmasq to do it."""
    lacking = missing(config)
    if lacking and dnsmasq.is_needed(config):
        raise UnavailableError(lacking, remedy=PACKAGE)


def missing(config: Config) -> str:
    """A sentence where the file asks for dnsmasq and the machine lacks it, else ""."""
    if not dnsmasq.is_wanted(config) or binary() is not None:
        return ""
    leasing = [
        f"vlans.{vlan.name}.{'hosts' if vlan.dhcp is None else 'dhcp'}"
        for vlan in config.vlans.values()
        if dnsmasq.leases(vlan)
    ]
    asking = ", ".join(leasing) or "gateway.dns or address6"
    return f"dnsmasq is not installed, and {asking} needs it."


def check(text: str) -> str:
    """What dnsmasq itself says against the file, "" where it is content or not installed."""
    if binary() is None:
        return ""
    done = _run(["dnsmasq", "--test", "--conf-file=-"], stdin=text)
    return done.stderr.strip() if done.returncode != 0 else ""


def binary() -> str | None:
    """Where dnsmasq is; /usr/sbin is not on everybody's PATH."""
    return shutil.which("dnsmasq", path=SEARCH)


def _run(argv: list[str], *, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """It returns when dnsmasq has opened all it needs and gone to the background, or has failed."""
    try:
        return subprocess.run(
            argv,
            executable=binary() or "dnsmasq",
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise UnavailableError("dnsmasq is not installed.", remedy=PACKAGE) from error
    except subprocess.TimeoutExpired as error:
        raise NotAppliedError(f"dnsmasq hangs at its start.\n  {KEPT}") from error


def _start(wanted: Service) -> None:
    done = _run(list(wanted.argv))
    if done.returncode != 0:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        remedy = IN_THE_WAY if "in use" in said else AGAIN
        raise NotAppliedError(f"dnsmasq does not start: {said}\n  {KEPT}", remedy=remedy)


def _account() -> tuple[str, str]:
    """The user that the process becomes, with its own group: no other has anything to gain."""
    for user in USERS:
        try:
            entry = pwd.getpwnam(user)
            return user, grp.getgrgid(entry.pw_gid).gr_name
        except KeyError:
            continue
    return "root", "root"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
