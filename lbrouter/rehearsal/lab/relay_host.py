"""The relay of a lane: a host that runs the generated texts, as a rented machine would."""

import shutil
from pathlib import Path

from lbrouter.rehearsal.lab.cloud_init_files import written_files
from lbrouter.rehearsal.lab.host import Host
from lbrouter.rehearsal.lab.impairment import BLACKHOLE_TABLE, blackhole_ruleset
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.relay_layout import RelayLayout

RELAY_PROGRAMS = ("wg", "wg-quick")
USERSPACE_WIREGUARD = "wireguard-go"

WIREGUARD_FOLDER = Path("/etc/wireguard")
NFT_FILE = "/etc/nftables.conf"
SYSCTL_FOLDER = "/etc/sysctl.d/"
"""Where the cloud-init file of a relay puts its files."""


def missing_for_relay(kernel_features: frozenset[str]) -> str:
    """What this machine lacks for a relay, in words; empty where it can have one."""
    missing = [name for name in RELAY_PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{' and '.join(missing)} (Debian's wireguard-tools) not installed"
    if "wireguard" in kernel_features or shutil.which(USERSPACE_WIREGUARD) is not None:
        return ""
    return "this kernel has no WireGuard, and wireguard-go is not installed"


class RelayHost(Host):
    """`layout` is where it stands; it forwards once `set_up` has run."""

    def __init__(
        self, namespace: str, processes: list[LabProcess], layout: RelayLayout, *, folder: Path
    ) -> None:
        super().__init__(namespace, processes)
        self.layout = layout
        self.folder = folder / layout.role
        self.folder.mkdir(exist_ok=True)
        self.wireguard_sockets = self.folder / "sockets"
        self.wireguard_sockets.mkdir()
        self._dead = False

    @property
    def uplink(self) -> str:
        """The lane's name."""
        return self.layout.name

    def set_up(self, cloud_init: str) -> None:
        """Do what the cloud-init file has a new machine do, without its packages and services."""
        files = written_files(cloud_init)
        [device] = [path for path in map(Path, files) if path.parent == WIREGUARD_FOLDER]
        config = self.folder / device.name
        config.touch(mode=0o600)
        config.write_text(files[str(device)], encoding="utf-8")
        settings = (text for path, text in files.items() if path.startswith(SYSCTL_FOLDER))
        self.check_output(["sysctl", "-q", "-p", "-"], stdin="".join(settings))
        self.check_output(["nft", "-f", "-"], stdin=files[NFT_FILE])
        self.check_output(["wg-quick", "up", str(config)])

    def set_blackhole(self, *, on: bool) -> None:
        """The rented machine is gone: nothing comes in, nothing goes out."""
        self._dead = on
        if on:
            self.check_output(["nft", "-f", "-"], stdin=blackhole_ruleset())
        else:
            self.check_output(["nft", "delete", "table", *BLACKHOLE_TABLE.split()])

    def restore(self) -> None:
        """Undo what was done to it."""
        if self._dead:
            self.set_blackhole(on=False)
