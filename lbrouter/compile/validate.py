"""What the sections of a file say of each other: the cross-checks, errors and warnings."""

from collections.abc import Iterator

from lbrouter.compile.findings import Finding
from lbrouter.model.config import Config


def faults(config: Config) -> Iterator[Finding]:
    """Everything that keeps `config` from being applied."""
    yield from ()


def doubts(config: Config) -> Iterator[Finding]:
    """What is legal and probably not meant."""
    yield from ()
