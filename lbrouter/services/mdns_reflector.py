"""The mDNS reflectors of this gateway: an avahi-daemon for each group of VLANs.

Each sees a folder of its own as /run/avahi-daemon, by a mount namespace or a transient unit: the
program knows one place for its process id, and this machine's own avahi-daemon may run beside it.
"""

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from lbrouter.compile.services.mdns_reflector import (
    AVAHI_PROGRAM,
    MdnsPaths,
    mdns_argv,
    mdns_processes,
)
from lbrouter.model.config import Config
from lbrouter.model.errors import NotAppliedError, UnavailableError
from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.plan import Action, Operation, Phase
from lbrouter.services import process
from lbrouter.services.process import PROGRAM_SEARCH_PATH
from lbrouter.services.systemd import under_systemd
from lbrouter.system import atomic_file

MDNS_NAME_PREFIX: Final = "mdns-"
AVAHI_INSTALL_REMEDY: Final = "Install it: apt install avahi-daemon"
AVAHI_RUNTIME_DIR: Final = "/run/avahi-daemon"
MDNS_START_TIMEOUT_S: Final = 15.0
MDNS_STOP_TIMEOUT_S: Final = 3.0

OWN_RUNTIME_ARGV: Final = (
    *("unshare", "--mount", "--propagation", "slave", "sh", "-c"),
    f'mkdir -p {AVAHI_RUNTIME_DIR} && mount --bind "$1" {AVAHI_RUNTIME_DIR} && shift && exec "$@"',
    "sh",
)
"""Before the folder and the command line."""

NOT_STARTED_NOTE: Final = phrase(
    "The kernel is as the file says, but these VLANs do not see each other's announcements."
)


class MdnsReflectors:
    """The processes of one runtime directory."""

    def __init__(self, runtime_dir: Path) -> None:
        self._runtime_dir = runtime_dir.absolute()

    def pending_operations(self, config: Config | None) -> tuple[Operation, ...]:
        """The operations that make them serve what `config` says (None: nothing at all)."""
        wanted = () if config is None else mdns_processes(config, self._runtime_dir)
        by_name = {reflector.name: reflector for reflector in wanted}
        steps: list[Operation] = []
        for name in sorted({*by_name, *self._standing_names()}):
            old, new = self._observe(name), by_name.get(name)
            if old == new:
                continue
            verb = Action.REMOVE if new is None else Action.ADD if old is None else Action.CHANGE
            reason = "the file does not ask for it" if new is None else new.why
            steps.append(
                Operation(phase=Phase.SERVICE, action=verb, new=new, old=old, reason=reason)
            )
        return tuple(steps)

    def execute(self, operation: Operation) -> None:
        """Execute one of `pending_operations`; NotAppliedError quotes avahi-daemon if it fails."""
        service = operation.managed_object
        assert isinstance(service, ManagedProcess)
        paths = self._paths(service.name)
        self._stop(paths)
        if isinstance(operation.new, ManagedProcess):
            Path(paths.own_runtime_dir).mkdir(mode=0o755, parents=True, exist_ok=True)
            atomic_file.replace(Path(paths.config_file), operation.new.config_text.encode())
            _start(operation.new, paths)

    def _paths(self, name: str) -> MdnsPaths:
        return MdnsPaths(runtime_dir=self._runtime_dir, name=name)

    def _standing_names(self) -> Iterator[str]:
        """The groups that have a folder here, of this file or an earlier one."""
        with suppress(OSError):
            for folder in sorted(self._runtime_dir.iterdir()):
                if folder.name.startswith(MDNS_NAME_PREFIX):
                    yield folder.name

    def _observe(self, name: str) -> ManagedProcess | None:
        """The running process. One in another namespace has no argv, so it is replaced."""
        paths = self._paths(name)
        pid = _running_pid(paths)
        if pid is None:
            return None
        try:
            text = Path(paths.config_file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        here = process.is_in_our_netns(pid)
        return ManagedProcess(
            name=name,
            argv=process.command_line(pid) if here else (),
            config_text=text,
            pid_file=str(paths.pid_file),
        )

    def _stop(self, paths: MdnsPaths) -> None:
        pid = _running_pid(paths)
        if pid is not None:
            _end(pid)
        shutil.rmtree(paths.folder, ignore_errors=True)


def is_mdns_operation(operation: Operation) -> bool:
    """Whether an operation on a program is about a reflector."""
    service = operation.managed_object
    return isinstance(service, ManagedProcess) and service.name.startswith(MDNS_NAME_PREFIX)


def require(config: Config) -> None:
    """Raise UnavailableError where groups are wanted and there is no avahi-daemon."""
    lacking = missing_reason(config)
    if lacking:
        raise UnavailableError(lacking, remedy=AVAHI_INSTALL_REMEDY)


def missing_reason(config: Config) -> str:
    """A sentence where the file asks for mDNS and the machine lacks the program, else ""."""
    if not config.gateway.mdns or shutil.which(AVAHI_PROGRAM, path=PROGRAM_SEARCH_PATH):
        return ""
    return "avahi-daemon is not installed, and gateway.mdns needs it."


def _running_pid(paths: MdnsPaths) -> int | None:
    """The process that wrote its number, if it still is the one with our file."""
    try:
        pid = int(Path(paths.pid_file).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return pid if process.command_line(pid) == mdns_argv(paths) else None


def _start(wanted: ManagedProcess, paths: MdnsPaths) -> None:
    """It has opened its sockets and is in the background when this returns."""
    folder = str(paths.own_runtime_dir)
    argv = [*OWN_RUNTIME_ARGV, folder, *wanted.argv]
    if under_systemd():
        argv = [
            *("systemd-run", "--quiet", "--collect", "--service-type=forking"),
            f"--property=BindPaths={folder}:{AVAHI_RUNTIME_DIR}",
            f"--property=PIDFile={paths.pid_file}",
            f"--property=RuntimeDirectory={Path(AVAHI_RUNTIME_DIR).name}",
            "--property=RuntimeDirectoryPreserve=yes",
            *wanted.argv,
        ]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MDNS_START_TIMEOUT_S,
            check=False,
            env={"PATH": PROGRAM_SEARCH_PATH},
        )
    except FileNotFoundError as error:
        raise UnavailableError(
            phrase("{program} is not installed.", program=argv[0]), remedy=AVAHI_INSTALL_REMEDY
        ) from error
    except subprocess.TimeoutExpired as error:
        raise NotAppliedError(
            phrase(
                "{program} did not finish its start.\n  {note}",
                program=AVAHI_PROGRAM,
                note=NOT_STARTED_NOTE,
            )
        ) from error
    if done.returncode != 0 or _running_pid(paths) is None:
        said = (done.stderr or done.stdout).strip() or phrase(
            "exit code {code}", code=done.returncode
        )
        raise NotAppliedError(
            phrase(
                "{program} does not start: {said}\n  {note}",
                program=AVAHI_PROGRAM,
                said=said,
                note=NOT_STARTED_NOTE,
            )
        )


def _end(pid: int) -> None:
    """Ask it to end, wait until it has, kill it if it does not."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            if poll.poll(MDNS_STOP_TIMEOUT_S * 1000):
                return
    finally:
        os.close(handle)
