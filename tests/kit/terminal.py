"""A command on a terminal of its own, 80 by 24: what it shows, and what is typed."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from contextlib import suppress
from types import TracebackType
from typing import Self

from lbrouter.rehearsal.lab.hosts import package_env
from tests.kit.commands import INTERRUPTIBLE

ESCAPE_PATTERN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A command on its own terminal; `shows` checks what it has printed so far."""

    def __init__(self, argv: list[str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.set_blocking(self._ours, False)
        env = {**package_env(), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}
        self.process = subprocess.Popen(
            [*INTERRUPTIBLE, *argv],
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.printed = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def shows(self, *words: str) -> bool:
        """Whether the last two screens hold all `words`."""
        with suppress(BlockingIOError, OSError):
            while chunk := os.read(self._ours, 65536):
                self.printed += ESCAPE_PATTERN.sub("", chunk.decode(errors="replace"))
        recent = self.printed[-2 * 80 * 24 :]
        return all(word in recent for word in words)

    def type_line(self, text: str) -> None:
        """What a person types, with Enter. What was printed before it is forgotten."""
        self.printed = ""
        os.write(self._ours, f"{text}\n".encode())

    def close(self) -> int:
        """End it as Ctrl-C does; the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(10)
        self.shows()
        os.close(self._ours)
        return code
