"""`ManagedProcess`: a program that lbrouter runs, as it should run and as it does."""

from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedProcess:
    """A running program: its command line, and the text of the one file that it was started with.

    Two are equal when command line and text are; a process is replaced where either differs.
    `pid_file` is where the program writes its process id.
    """

    name: str
    argv: tuple[str, ...]
    config_text: str = field(repr=False)
    pid_file: str = field(default="", compare=False)
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Hashable:
        """What it is known by."""
        return ("service", self.name)
