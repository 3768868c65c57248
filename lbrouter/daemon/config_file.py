"""The configuration file: its bytes, and the parsed configuration."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from lbrouter.compile.config.parse import ParsedConfig, parse
from lbrouter.compile.services.pppd import pppoe_uplinks
from lbrouter.daemon.config_bytes import read_config
from lbrouter.kernel import pppoe
from lbrouter.model.config import Config
from lbrouter.model.errors import UnavailableError
from lbrouter.services import dnsmasq, mdns_reflector, pppd


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
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


def parse_config(text: bytes, *, source: str) -> ConfigFile:
    """`text` typed and checked. Raises ConfigError with all that is wrong."""
    found: ParsedConfig = parse(text, source=source)
    return ConfigFile(text=text, config=found.config, warnings=found.warnings, source=source)


def load_config(path: Path) -> ConfigFile:
    """The file at `path`, typed and checked."""
    return parse_config(read_config(path), source=str(path))


def require_tools(config: Config) -> None:
    """Raise UnavailableError naming what this machine lacks of all that the file asks for."""
    dnsmasq.require(config)
    pppd.require(config)
    mdns_reflector.require(config)
    if pppoe_uplinks(config) and not pppoe.available():
        raise UnavailableError(pppoe.PPPOE_MISSING, remedy=pppoe.PPPOE_REMEDY)
