"""The pppd of each PPPoE line: look whether it runs, start it, replace it, end it, read its log.

One process for a line, known by our options file on its command line; any other pppd on the machine
is none of our business. It belongs to nobody: a session outlives the command, or the daemon, that
began it, and is taken over by the next. pppd itself begins a lost session again; a pppd that ends
is started again, less and less often.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lbrouter.compile.services import pppd
from lbrouter.compile.services.pppd_log import reason
from lbrouter.model.config import Config, Uplink
from lbrouter.model.errors import NotAppliedError, UnavailableError
from lbrouter.model.managed_process import Service
from lbrouter.model.plan import Operation, Phase, Verb
from lbrouter.services import process
from lbrouter.services.secrets import fault, secret

PACKAGE: Final = "Install it: apt install ppp"
SEARCH: Final = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
PATIENCE_S: Final = 20.0
LONGEST_LOG: Final = 64 * 1024
FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 60.0
STEADY_S: Final = 30.0
"""A process that ran this long was no failed start."""

APART: Final = (
    *("unshare", "--mount", "--propagation", "slave", "sh", "-c"),
    'mount -t tmpfs -o mode=755 none /etc/ppp && exec "$@"',
    "sh",
)
"""Before pppd's command line: it sees an empty /etc/ppp. Options and scripts there are for other
sessions, and not all of the scripts can be switched off by an option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """When a process was started last, how long it was seen alive, the wait before the next."""

    at: float
    pause_s: float = FIRST_PAUSE_S
    lived_s: float = 0.0


class Pppd:
    """The processes of one runtime directory."""

    def __init__(self, runtime_dir: Path) -> None:
        # Its command line is what it is found by, from whatever directory we are started.
        self.runtime_dir = runtime_dir.absolute()
        self._starts: dict[str, _Start] = {}

    def pids(self, device: str) -> tuple[int, ...]:
        """The process of the session that makes `device`: none or one."""
        places = self._places(device)
        if not Path(places.options).exists():
            return ()
        return process.find(str(places.options), Path(places.pid_file))

    def pending(self, config: Config | None) -> tuple[Operation, ...]:
        """What is to be done so that the lines of `config` (None: no lines) have their sessions.

        A line whose password cannot be used stays as it is; `secrets.require` refuses it, and
        `lacks` says so.
        """
        wanted = {u.device: u for u in (() if config is None else pppd.lines(config))}
        gone = [self._removal(device) for device in self._known() if device not in wanted]
        steps = [self._step(uplink) for uplink in wanted.values() if _is_there(uplink.interface)]
        return tuple(step for step in (*gone, *steps) if step is not None)

    def carry_out(self, operation: Operation) -> None:
        """Do one of `pending`. Raises NotAppliedError, with pppd's own words, if it fails."""
        for each in (operation.old, operation.new):
            if isinstance(each, Service):
                self._end(_device(each))
        if isinstance(operation.new, Service):
            self._begin(operation.new)

    def lacks(self, config: Config) -> dict[str, str]:
        """By uplink, why its line has no session, as far as the log tells."""
        found = {}
        for uplink in pppd.lines(config):
            log = _tail(Path(self._places(uplink.device).log))
            said = fault(uplink) or reason(log, uplink.interface)
            found[uplink.name] = said or f"no PPPoE session on {uplink.interface} yet"
        return found

    def _step(self, uplink: Uplink) -> Operation | None:
        if fault(uplink):
            return None
        desired = pppd.service(uplink, self._places(uplink.device), secret(uplink))
        observed = self._observe(uplink.device, desired.name)
        if observed == desired:
            self._lives(uplink.device)
            return None
        if observed is None and not self._is_due(uplink.device):
            return None
        verb = Verb.ADD if observed is None else Verb.CHANGE
        return Operation(
            phase=Phase.SERVICE, verb=verb, new=desired, old=observed, reason=desired.why
        )

    def _removal(self, device: str) -> Operation | None:
        observed = self._observe(device, pppd.NAME + device)
        if observed is None:
            self._forget(device)
            return None
        reason = "the file does not ask for it"
        return Operation(
            phase=Phase.SERVICE, verb=Verb.REMOVE, new=None, old=observed, reason=reason
        )

    def _observe(self, device: str, name: str) -> Service | None:
        """What runs. One that is left in another namespace has no command line that we want."""
        found = self.pids(device)
        if not found:
            return None
        places = self._places(device)
        # systemd starts it by its whole path.
        argv = ("pppd", *process.command_line(found[0])[1:]) if process.is_here(found[0]) else ()
        return Service(
            name=name,
            argv=argv,
            text=_read(Path(places.options)),
            pid_file=str(places.pid_file),
        )

    def _is_due(self, device: str) -> bool:
        """Whether a process that is not there may be started (again)."""
        last, now = self._starts.get(device), time.monotonic()
        if last is None or last.lived_s > STEADY_S:
            self._starts[device] = _Start(at=now)
            return True
        if now - last.at < last.pause_s:
            return False
        self._starts[device] = _Start(at=now, pause_s=min(2 * last.pause_s, LONGEST_PAUSE_S))
        return True

    def _lives(self, device: str) -> None:
        if (last := self._starts.get(device)) is not None:
            lived_s = time.monotonic() - last.at
            self._starts[device] = replace(last, lived_s=lived_s)

    def _begin(self, wanted: Service) -> None:
        places = self._places(_device(wanted))
        try:
            Path(places.log).unlink(missing_ok=True)
            _write(Path(places.options), wanted.text)
        except PermissionError:
            raise
        except OSError as error:
            raise NotAppliedError(f"{wanted.name} cannot be started: {error}.") from error
        _start(wanted)
        found = self.pids(_device(wanted))
        if found:
            Path(places.pid_file).write_text(f"{found[0]}\n", encoding="ascii")

    def _end(self, device: str) -> None:
        for pid in self.pids(device):
            process.end(pid, str(self._places(device).options))
        self._forget(device)

    def _forget(self, device: str) -> None:
        places = self._places(device)
        for each in (places.options, places.pid_file, places.log):
            Path(each).unlink(missing_ok=True)

    def _known(self) -> Iterator[str]:
        """Devices for which a process was started in this runtime directory."""
        for file in sorted(self.runtime_dir.glob("ppp-*.options")):
            yield file.name.removesuffix(".options")

    def _places(self, device: str) -> pppd.Places:
        return pppd.Places(runtime_dir=self.runtime_dir, device=device)


def require(config: Config) -> None:
    """Raise UnavailableError where a line is PPPoE and there is no pppd to speak it."""
    lacking = missing(config)
    if lacking:
        raise UnavailableError(lacking, remedy=PACKAGE)


def missing(config: Config) -> str:
    """A sentence where the file asks for pppd and the machine lacks it, else ""."""
    names = ", ".join(f"uplinks.{uplink.name}" for uplink in pppd.lines(config))
    if not names or binary() is not None:
        return ""
    return f"pppd is not installed, and {names} needs it."


def is_session(operation: Operation) -> bool:
    """Whether a step of a plan is about a session, so one of ours."""
    noun = operation.noun
    return isinstance(noun, Service) and noun.name.startswith(pppd.NAME)


def binary() -> str | None:
    """Where pppd is; /usr/sbin is not on everybody's PATH."""
    return shutil.which("pppd", path=SEARCH)


def _start(wanted: Service) -> None:
    """It returns when pppd has taken its options and gone to the background, or has not."""
    argv = _command(wanted)
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_S,
            start_new_session=True,
            check=False,
            cwd="/",
            env={"PATH": SEARCH},
        )
    except FileNotFoundError as error:
        raise UnavailableError(f"{argv[0]} is not installed.", remedy=PACKAGE) from error
    except subprocess.TimeoutExpired as error:
        raise NotAppliedError(f"{wanted.name} hangs at its start.") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise NotAppliedError(f"{wanted.name} does not start: {said}")


def _command(wanted: Service) -> list[str]:
    """A unit of its own where systemd runs this machine, else a mount namespace of its own.

    With the unit it has the rights that a hardened daemon lacks, and stays when the daemon ends.
    """
    if process.under_systemd():
        return [
            *("systemd-run", "--quiet", "--collect", f"--unit=lbrouter-{wanted.name}"),
            *(f"--description={wanted.why}", "--property=Type=forking"),
            *("--property=TemporaryFileSystem=/etc/ppp:ro", "--"),
            *wanted.argv,
        ]
    return [*APART, *wanted.argv]


def _is_there(interface: str) -> bool:
    """Pppd takes an interface that does not exist for a wrong option; it is started later."""
    with suppress(OSError):
        socket.if_nametoindex(interface)
        return True
    return False


def _device(service: Service) -> str:
    """The device of a service, off the name of its options file."""
    return Path(service.pid_file).name.removesuffix(".pid")


def _write(file: Path, text: str) -> None:
    """The file whole, readable by root alone from its first byte on."""
    aside = file.with_name(file.name + ".new")
    aside.unlink(missing_ok=True)
    opened = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as out:
        out.write(text)
    aside.replace(file)


def _tail(log: Path) -> str:
    """The end of a log. One that has grown long is cut: pppd appends, and goes on at the start."""
    try:
        with log.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LONGEST_LOG))
            text = file.read().decode("utf-8", errors="replace")
            if size > LONGEST_LOG:
                file.truncate(0)
    except OSError:
        return ""
    return text


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
