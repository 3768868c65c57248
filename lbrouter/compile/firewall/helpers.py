"""Connection tracking helpers: protocols that open further connections of their own."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.firewall.templates import render_fragment
from lbrouter.model.config import Config, ForwardProtocol, Helper
from lbrouter.model.messages.phrase import phrase

HELPER_FEATURE_PREFIX: Final = "helper_"


@dataclass(frozen=True, slots=True, kw_only=True)
class HelperPort:
    """The port on which a helper's control connection is opened."""

    protocol: ForwardProtocol
    port: int


HELPER_PORTS: Final[Mapping[Helper, HelperPort]] = {
    Helper.FTP: HelperPort(protocol=ForwardProtocol.TCP, port=21),
    Helper.PPTP: HelperPort(protocol=ForwardProtocol.TCP, port=1723),
    Helper.SIP: HelperPort(protocol=ForwardProtocol.UDP, port=5060),
}


def helper_features(config: Config) -> frozenset[str]:
    """The kernel features that the file's helpers need."""
    return frozenset(f"{HELPER_FEATURE_PREFIX}{helper}" for helper in config.gateway.helpers)


def missing_helpers(config: Config, features: Collection[str]) -> str:
    """A sentence where this kernel lacks helpers that the file asks for; else ""."""
    lacking = [
        str(helper)
        for helper in config.gateway.helpers
        if f"{HELPER_FEATURE_PREFIX}{helper}" not in features
    ]
    if not lacking:
        return ""
    return phrase(
        "this kernel lacks the connection tracking helper of {helpers} (gateway.helpers; modules"
        " {modules}): `apply` will be refused here (69); load the module, run a kernel that has it,"
        " or take the helper out",
        helpers=", ".join(lacking),
        modules=", ".join(f"nf_nat_{name}" for name in lacking),
    )


def structure(config: Config) -> Iterator[str]:
    """The chain that assigns helpers to new connections; nothing where the file names none."""
    if not config.gateway.helpers:
        return
    yield render_fragment("helpers")
    for helper in config.gateway.helpers:
        control = HELPER_PORTS[helper]
        yield render_fragment(
            "helper",
            name=helper,
            protocol=control.protocol,
            ports=", ".join(map(str, _control_ports(config, control))),
        )


def _control_ports(config: Config, control: HelperPort) -> list[int]:
    """The usual port, and those outside that a forward leads to it from."""
    outside = [
        forward.port.start
        for forward in config.forwards
        if forward.protocol is control.protocol
        and forward.port.is_single
        and forward.to.port == control.port
    ]
    return sorted({control.port, *outside})
