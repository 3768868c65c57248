"""The configuration file: its bytes, and the parsed configuration."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lbrouter.compile.config.diagnostics import Diagnostic
from lbrouter.compile.config.parse import (
    NOTHING_CHANGED_REMEDY,
    ParsedConfig,
    located,
    parse,
)
from lbrouter.compile.routing.interface_choices import bound_config, interface_conflicts
from lbrouter.compile.services.pppd import pppoe_uplinks
from lbrouter.daemon.config_bytes import read_config
from lbrouter.kernel import pppoe
from lbrouter.kernel.read.ports import read_interfaces
from lbrouter.model.config import Config
from lbrouter.model.errors import ConfigError, UnavailableError
from lbrouter.model.facts import InterfaceFacts
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
    config = bound_config(found.config, interfaces_or_none())
    return ConfigFile(text=text, config=config, warnings=found.warnings, source=source)


def interfaces_or_none() -> Mapping[str, InterfaceFacts]:
    """The interfaces of this machine; none where the kernel does not tell them."""
    try:
        return read_interfaces()
    except OSError:
        return {}


def require_distinct_interfaces(file: ConfigFile) -> None:
    """Raise ConfigError where a line has no interface of its own here, by name.

    A MAC address that several have is one case; an interface that is not there is none.
    """
    conflicts = [
        Diagnostic(
            path=("uplinks", conflict.uplink, conflict.key),
            value=conflict.value,
            reason=conflict.reason,
            accepted=conflict.accepted,
        )
        for conflict in interface_conflicts(file.config, interfaces_or_none())
    ]
    if conflicts:
        report = located(conflicts, file.text, source=file.source)
        raise ConfigError("\n".join(report), remedy=NOTHING_CHANGED_REMEDY)


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
