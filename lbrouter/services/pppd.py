"""The pppd of each PPPoE line: look whether it runs, start it, replace it, end it, read its log.

One process for a line (`program_host` says how it is known); any other pppd on the machine is left
alone. It has no parent: a session survives the command, or the daemon, that started it, and
the next one takes it over. pppd itself restarts a lost session; a pppd that ends is started again,
at growing intervals.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lbrouter.compile.services import pppd
from lbrouter.compile.services.pppd_log import failure_reason
from lbrouter.model.config import Config, Uplink
from lbrouter.model.errors import NotAppliedError, UnavailableError
from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.messages.codes import AddressCode
from lbrouter.model.messages.message import Message, message, told
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.plan import Action, Operation, Phase
from lbrouter.services import pppd_start
from lbrouter.services.program_host import UNITS_RUNTIME_DIR, ProgramHost
from lbrouter.services.secrets import password_error, read_password
from lbrouter.services.unit_program import host_of
from lbrouter.system import atomic_file

MAX_PPPD_LOG_BYTES: Final = 64 * 1024
PPPD_RESTART_FIRST_PAUSE_S: Final = 2.0
PPPD_RESTART_MAX_PAUSE_S: Final = 60.0
PPPD_STEADY_AFTER_S: Final = 30.0
"""A process that ran this long was no failed start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _StartAttempt:
    """When a process was started last, how long it was seen alive, the wait before the next."""

    started_at: float
    pause_s: float = PPPD_RESTART_FIRST_PAUSE_S
    alive_s: float = 0.0


class Pppd:
    """The processes of one runtime directory."""

    def __init__(self, runtime_dir: Path) -> None:
        # It is found by its command line, so the path must not depend on the current directory.
        self.runtime_dir = runtime_dir.absolute()
        self._attempts: dict[str, _StartAttempt] = {}

    def pids(self, device: str) -> tuple[int, ...]:
        """The process of the session that makes `device`: none or one."""
        if not Path(self._paths(device).options_file).exists():
            return ()
        return self._host(device).pids()

    def pending_operations(self, config: Config | None) -> tuple[Operation, ...]:
        """The operations that give the lines of `config` (None: no lines) their sessions.

        A line whose password cannot be used stays as it is; `secrets.require` refuses it, and
        `no_session_reasons` says so.
        """
        wanted = {u.device: u for u in (() if config is None else pppd.pppoe_uplinks(config))}
        gone = [
            self._removal_operation(device)
            for device in self._known_devices()
            if device not in wanted
        ]
        steps = [
            self._pending_operation(uplink)
            for uplink in wanted.values()
            if _interface_exists(uplink.interface)
        ]
        return tuple(step for step in (*gone, *steps) if step is not None)

    def execute(self, operation: Operation) -> None:
        """Execute one of `pending_operations`; NotAppliedError quotes pppd if it fails."""
        for each in (operation.old, operation.new):
            if isinstance(each, ManagedProcess):
                self._stop_session(_device_of(each))
        if isinstance(operation.new, ManagedProcess):
            self._start_session(operation.new)

    def no_session_reasons(self, config: Config) -> dict[str, Message]:
        """By uplink, why its line has no session, as far as the log shows."""
        found = {}
        for uplink in pppd.pppoe_uplinks(config):
            log = _read_log_tail(Path(self._paths(uplink.device).log_file))
            lacking = password_error(uplink)
            said = told(lacking) if lacking else failure_reason(log, uplink.interface)
            unknown = message(AddressCode.PPPOE_WAITING, interface=uplink.interface)
            found[uplink.name] = said or unknown
        return found

    def _pending_operation(self, uplink: Uplink) -> Operation | None:
        if password_error(uplink):
            return None
        desired = pppd.pppd_process(uplink, self._paths(uplink.device), read_password(uplink))
        observed = self._observe(uplink.device, desired.name)
        if observed == desired:
            self._record_alive(uplink.device)
            return None
        if observed is None and not self._is_due(uplink.device):
            return None
        verb = Action.ADD if observed is None else Action.CHANGE
        return Operation(
            phase=Phase.SERVICE, action=verb, new=desired, old=observed, reason=desired.why
        )

    def _removal_operation(self, device: str) -> Operation | None:
        observed = self._observe(device, pppd.PPPD_SERVICE_PREFIX + device)
        if observed is None:
            self._remove_files(device)
            return None
        reason = "the file does not ask for it"
        return Operation(
            phase=Phase.SERVICE, action=Action.REMOVE, new=None, old=observed, reason=reason
        )

    def _observe(self, device: str, name: str) -> ManagedProcess | None:
        """The running process. One in another namespace has no argv, so it is replaced."""
        if not self.pids(device):
            return None
        places = self._paths(device)
        return ManagedProcess(
            name=name,
            argv=self._host(device).argv(),
            config_text=_read_text(Path(places.options_file)),
            pid_file=str(places.pid_file),
        )

    def _is_due(self, device: str) -> bool:
        """Whether a process that is not there may be started (again)."""
        last, now = self._attempts.get(device), time.monotonic()
        if last is None or last.alive_s > PPPD_STEADY_AFTER_S:
            self._attempts[device] = _StartAttempt(started_at=now)
            return True
        if now - last.started_at < last.pause_s:
            return False
        self._attempts[device] = _StartAttempt(
            started_at=now, pause_s=min(2 * last.pause_s, PPPD_RESTART_MAX_PAUSE_S)
        )
        return True

    def _record_alive(self, device: str) -> None:
        if (last := self._attempts.get(device)) is not None:
            lived_s = time.monotonic() - last.started_at
            self._attempts[device] = replace(last, alive_s=lived_s)

    def _start_session(self, wanted: ManagedProcess) -> None:
        places = self._paths(_device_of(wanted))
        try:
            # pppd appends to a file that is there, whose rights are ours.
            atomic_file.replace(Path(places.log_file), b"")
            atomic_file.replace(Path(places.options_file), wanted.config_text.encode())
        except PermissionError:
            raise
        except OSError as error:
            raise NotAppliedError(
                phrase("{name} cannot be started: {error}.", name=wanted.name, error=error)
            ) from error
        said = self._host(_device_of(wanted)).start(wanted)
        if said:
            raise NotAppliedError(
                phrase("{name} does not start: {said}", name=wanted.name, said=said)
            )

    def _stop_session(self, device: str) -> None:
        if Path(self._paths(device).options_file).exists():
            self._host(device).stop()
        self._remove_files(device)

    def _remove_files(self, device: str) -> None:
        places = self._paths(device)
        for each in (places.options_file, places.pid_file, places.log_file):
            Path(each).unlink(missing_ok=True)

    def _known_devices(self) -> Iterator[str]:
        """Devices for which a process was started in this runtime directory."""
        for file in sorted(self.runtime_dir.glob("ppp-*.options")):
            yield file.name.removesuffix(".options")

    def _host(self, device: str) -> ProgramHost:
        as_packaged = self.runtime_dir == UNITS_RUNTIME_DIR
        return host_of(pppd_start.pppd_program(self._paths(device), as_packaged=as_packaged))

    def _paths(self, device: str) -> pppd.PppdPaths:
        return pppd.PppdPaths(runtime_dir=self.runtime_dir, device=device)


def require(config: Config) -> None:
    """Raise UnavailableError where a line is PPPoE and there is no pppd."""
    lacking = missing_reason(config)
    if lacking:
        raise UnavailableError(lacking, remedy=pppd_start.PPPD_INSTALL_REMEDY)


def missing_reason(config: Config) -> str:
    """A sentence where the file asks for pppd and the machine lacks it, else ""."""
    names = ", ".join(f"uplinks.{uplink.name}" for uplink in pppd.pppoe_uplinks(config))
    if not names or pppd_start.find_binary() is not None:
        return ""
    return phrase("pppd is not installed, and {names} needs it.", names=names)


def is_pppd_operation(operation: Operation) -> bool:
    """Whether an operation is about a PPPoE session."""
    noun = operation.managed_object
    return isinstance(noun, ManagedProcess) and noun.name.startswith(pppd.PPPD_SERVICE_PREFIX)


def _interface_exists(interface: str) -> bool:
    """Whether it exists: pppd would refuse an absent one as a wrong option; it is started later."""
    with suppress(OSError):
        socket.if_nametoindex(interface)
        return True
    return False


def _device_of(service: ManagedProcess) -> str:
    """The device of a service, from the name of its pid file."""
    return Path(service.pid_file).name.removesuffix(".pid")


def _read_log_tail(log: Path) -> str:
    """The end of a log. A long one is truncated: pppd appends, and goes on at the start."""
    try:
        with log.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - MAX_PPPD_LOG_BYTES))
            text = file.read().decode("utf-8", errors="replace")
            if size > MAX_PPPD_LOG_BYTES:
                file.truncate(0)
    except OSError:
        return ""
    return text


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
