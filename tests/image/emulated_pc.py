"""An emulated PC with a disk, a serial console and network cards connected to a venue.

QEMU without KVM, so that it runs everywhere alike. It is driven as a technician would: by what the
console shows, by pulling cables, by the power switch.
"""

import codecs
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

OVMF_FOLDER = Path("/usr/share/OVMF")
PROMPT = "lbr# "
SHELL_COMMAND = "exec env -u TERM NO_COLOR=1 LC_ALL=C.UTF-8 bash --norc --noediting"
"""A shell that prints only the output of its commands: no colours, no line editor."""

CARD_MACS = tuple(f"02:00:00:00:0c:{card:02x}" for card in range(8))
CARD_NAMES = tuple(f"enp0s{card + 0x10}" for card in range(8))
"""The cards' addresses, and what systemd calls them: by their slots."""

EXIT_CODE_MARKER = "code="


class EmulatedPc:
    """One PC. Entering its context is the power switch, leaving it pulls the plug."""

    def __init__(
        self, folder: Path, disk: Path, *, cards: int, uefi: bool = True, stick: Path | None = None
    ) -> None:
        self.folder = folder
        self.cards = cards
        self.unread_output = ""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._disks = [(disk, "off"), *([(stick, "on")] if stick else [])]
        self._uefi = uefi
        self._log = (folder / "console.log").open("ab")

    def __enter__(self) -> Self:
        self.power_on()
        return self

    def __exit__(self, *_about: object) -> None:
        self.power_off()
        self._log.close()

    def card_sockets(self, card: int) -> dict[str, str]:
        """The sockets of a card's frames, for the cable bridge."""
        return {"card": str(self.folder / f"card{card}"), "mine": str(self.folder / f"panel{card}")}

    def power_on(self) -> None:
        """Start, and reach the console."""
        self.unread_output = ""
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            self._command(), stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        self._console = self._connect("console")
        self._control = self._connect("control")
        self._qmp_reply()
        self._qmp_command("qmp_capabilities")

    def power_off(self) -> None:
        """The plug is pulled: nothing is written any more."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        for each in (self._console, self._control):
            each.close()

    def set_cable(self, card: int, *, up: bool) -> None:
        """Plug a card's cable in, or pull it."""
        self._qmp_command("set_link", name=f"card{card}", up=up)

    def wait_for(self, pattern: str, *, within_s: float) -> str:
        """Read the console until `pattern` shows up; what came before it, and it. TimeoutError."""
        deadline = time.monotonic() + within_s
        while (found := re.search(pattern, self.unread_output)) is None:
            self._console.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                data = self._console.recv(65536)
            except TimeoutError:
                message = (
                    f"no {pattern!r} on the console within {within_s} s"
                    f":\n{self.unread_output[-1500:]}"
                )
                raise TimeoutError(message) from None
            if not data:
                raise EOFError(
                    f"the computer is off; its console said:\n{self.unread_output[-1500:]}"
                )
            self._log.write(data)
            self._log.flush()
            self.unread_output += self._decode(data).replace("\r", "")
        text, self.unread_output = (
            self.unread_output[: found.end()],
            self.unread_output[found.end() :],
        )
        return text

    def type_line(self, line: str) -> None:
        """Type a line, with Enter."""
        self._console.sendall(line.encode() + b"\n")

    def prepare_shell(self) -> None:
        """Exchange the login shell for one that `run` can read; at a prompt of root's."""
        self.type_line(f"PS1='{PROMPT[:2]}''{PROMPT[2:]}' {SHELL_COMMAND}")
        self.wait_for(PROMPT, within_s=120)

    def run(self, command: str, *, within_s: float = 300) -> tuple[int, str]:
        """Exit code and output of a command, typed at a shell that `ready` has prepared."""
        self.unread_output = ""
        self.type_line(f"{command}; echo {EXIT_CODE_MARKER}$?.")
        text = self.wait_for(rf"{EXIT_CODE_MARKER}\d+\.\n{PROMPT}", within_s=within_s)
        _, _, shown = text.partition("\n")
        found = re.search(rf"{EXIT_CODE_MARKER}(\d+)\.\n{PROMPT}$", text)
        assert found is not None
        return int(found[1]), shown[: shown.rindex(EXIT_CODE_MARKER)]

    def _command(self) -> list[str]:
        firmware = (
            "-drive",
            f"if=pflash,format=raw,readonly=on,file={OVMF_FOLDER}/OVMF_CODE_4M.fd",
        )
        command = [
            "qemu-system-x86_64", "-machine", "q35", "-cpu", "max", "-accel", "tcg,thread=multi",
            "-smp", "2", "-m", "1024", "-display", "none", "-no-user-config", "-nodefaults",
            *(firmware if self._uefi else ()),
            *self._drives(),
            "-device", "virtio-rng-pci",
            "-chardev", f"socket,id=console,path={self.folder}/console,server=on,wait=off",
            "-serial", "chardev:console",
            "-qmp", f"unix:{self.folder}/control,server=on,wait=off",
        ]  # fmt: skip
        for card in range(self.cards):
            ends = self.card_sockets(card)
            command += [
                "-netdev", ",".join((
                    f"dgram,id=net{card}", "local.type=unix", f"local.path={ends['card']}",
                    "remote.type=unix", f"remote.path={ends['mine']}",
                )),
                "-device", ",".join((
                    f"virtio-net-pci,id=card{card},netdev=net{card}",
                    f"mac={CARD_MACS[card]},addr=0x{card + 0x10:x}",
                )),
            ]  # fmt: skip
        return command

    def _drives(self) -> list[str]:
        """The disk, and a stick that can only be read."""
        return [
            word
            for path, locked in self._disks
            for word in (
                "-drive", f"if=virtio,format=raw,file={path},readonly={locked},cache=unsafe"
            )
        ]  # fmt: skip

    def _connect(self, name: str) -> socket.socket:
        deadline = time.monotonic() + 10
        while True:
            opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                opened.connect(str(self.folder / name))
            except OSError:
                opened.close()
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                wait_briefly(self._process)
            else:
                return opened

    def _qmp_command(self, command: str, **arguments: object) -> Any:
        request = {"execute": command, "arguments": arguments}
        self._control.sendall(json.dumps(request).encode() + b"\n")
        while "return" not in (reply := self._qmp_reply()):
            if "error" in reply:
                raise RuntimeError(reply["error"])
        return reply["return"]

    def _qmp_reply(self) -> dict[str, Any]:
        """One line of QMP."""
        line = b""
        self._control.settimeout(30)
        while not line.endswith(b"\n"):
            line += self._control.recv(1)
        reply: dict[str, Any] = json.loads(line)
        return reply


def wait_briefly(process: subprocess.Popen[bytes]) -> None:
    """A moment for a process that is about to make its sockets."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.05)


def create_usb_stick(files: Iterable[Path], image: Path) -> Path:
    """A stick, `image`, with a file system that holds these files."""
    folder = image.with_suffix(".files")
    folder.mkdir()
    for file in files:
        shutil.copy(file, folder)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", folder, image, "64M"], check=True)
    shutil.rmtree(folder)
    return image


def copy_disk(disk: Path, to: Path) -> Path:
    """A disk of 4 GB that holds what `disk` holds, which stays as it was built."""
    subprocess.run(["cp", "--sparse=always", str(disk), str(to)], check=True)
    os.truncate(to, 4 << 30)
    return to
