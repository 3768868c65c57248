"""The configuration file: its bytes, and what they mean."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from lbrouter.compile.config.parse import MAX_BYTES, Parsed, parse
from lbrouter.compile.services.pppd import lines
from lbrouter.kernel import pppoe
from lbrouter.model.config import Config
from lbrouter.model.errors import ConfigError, NotPermittedError, UnavailableError
from lbrouter.services import dnsmasq, pppd


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A configuration that has been read and checked; `source` is what messages call it."""

    text: bytes
    config: Config
    warnings: tuple[str, ...]
    source: str

    @property
    def digest(self) -> str:
        """How `status` names the file: "sha256:" and the digest of its bytes."""
        return digest(self.text)


def digest(text: bytes) -> str:
    """The digest of the bytes of a file: "sha256:" and hexadecimal digits."""
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def read(path: Path) -> bytes:
    """The bytes of the file at `path`. Raises ConfigError or NotPermittedError."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except PermissionError as error:
        raise NotPermittedError(f"{path} may not be read.", remedy="Run it as root.") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}",
            remedy="Write it, or name another one: lbrouter --config FILE ...",
        ) from error
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{path}: the file is larger than {MAX_BYTES >> 20} MiB")
    return text


def understood(text: bytes, *, source: str) -> File:
    """`text` typed and checked. Raises ConfigError with all that is wrong."""
    found: Parsed = parse(text, source=source)
    return File(text=text, config=found.config, warnings=found.warnings, source=source)


def load(path: Path) -> File:
    """The file at `path`, typed and checked."""
    return understood(read(path), source=str(path))


def require_tools(config: Config) -> None:
    """Raise UnavailableError naming what this machine lacks of all that the file asks for."""
    dnsmasq.require(config)
    pppd.require(config)
    if lines(config) and not pppoe.available():
        raise UnavailableError(pppoe.MISSING, remedy=pppoe.REMEDY)
