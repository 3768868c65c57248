"""mDNS between VLANs: the file of an avahi-daemon for each group (avahi-daemon.conf(5))."""

from dataclasses import dataclass
from pathlib import PurePath

from lbrouter.model.config import Config
from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.messages.phrase import phrase

AVAHI_PROGRAM = "avahi-daemon"


@dataclass(frozen=True, slots=True, kw_only=True)
class MdnsPaths:
    """Where the process of one group has its files; `name` is "mdns-0" for the first group."""

    runtime_dir: PurePath
    name: str

    @property
    def folder(self) -> PurePath:
        """The folder of this group."""
        return self.runtime_dir / self.name

    @property
    def config_file(self) -> PurePath:
        """The file with `config_text`."""
        return self.folder / "avahi.conf"

    @property
    def own_runtime_dir(self) -> PurePath:
        """What the process sees as /run/avahi-daemon: the place of that is built in."""
        return self.folder / "run"

    @property
    def pid_file(self) -> PurePath:
        """Where it writes its process id."""
        return self.own_runtime_dir / "pid"


def mdns_processes(config: Config, runtime_dir: PurePath) -> tuple[ManagedProcess, ...]:
    """The processes that should run, one for each group of `gateway.mdns`."""
    return tuple(
        _process(config, group, MdnsPaths(runtime_dir=runtime_dir, name=f"mdns-{number}"))
        for number, group in enumerate(config.gateway.mdns)
    )


def _process(config: Config, group: tuple[str, ...], paths: MdnsPaths) -> ManagedProcess:
    return ManagedProcess(
        name=paths.name,
        argv=mdns_argv(paths),
        config_text=config_text(config, group),
        pid_file=str(paths.pid_file),
        why=phrase("mDNS between {vlans}", vlans=", ".join(group)),
    )


def mdns_argv(paths: MdnsPaths) -> tuple[str, ...]:
    """The command line. It keeps its title, so that it is known by it."""
    return (
        AVAHI_PROGRAM,
        f"--file={paths.config_file}",
        "--no-chroot",
        "--no-proc-title",
        "--daemonize",
    )


def config_text(config: Config, group: tuple[str, ...]) -> str:
    """The file. The same configuration gives the same text, to the byte."""
    devices = ",".join(config.vlan_device(config.vlans[name]) for name in group)
    return f"""\
# Written by lbrouter from the configuration file: what is changed here is lost with the next apply.
# mDNS between {", ".join(group)}.
[server]
host-name={config.gateway.name}
use-ipv4=yes
use-ipv6=yes
allow-interfaces={devices}
# Another group's process, or one of this machine's own, may run beside it.
disallow-other-stacks=no
enable-dbus=no
# A device that floods its VLAN with announcements does not flood the others.
ratelimit-interval-usec=1000000
ratelimit-burst=1000

[wide-area]
enable-wide-area=no

[publish]
# The gateway announces nothing of its own: it hands on what others say.
disable-publishing=yes

[reflector]
enable-reflector=yes
reflect-ipv=no
"""
