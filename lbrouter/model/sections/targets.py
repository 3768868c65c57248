"""Probe targets: what a probe asks to test whether the internet answers through an uplink."""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.sections.addresses import parse_host, parse_port
from lbrouter.model.validated_strings import InvalidValueError

ACCEPTED_TARGET: Final = (
    'a URL: "icmp://1.1.1.1", "dns://9.9.9.9", "tcp://1.0.0.1:443" or "https://example.com/"'
)


class TargetKind(StrEnum):
    """What a probe sends: an echo request, a query, a handshake, or a request for a page."""

    ICMP = "icmp"
    DNS = "dns"
    TCP = "tcp"
    HTTP = "http"
    HTTPS = "https"


DEFAULT_TARGET_PORTS: Final = {TargetKind.DNS: 53, TargetKind.HTTP: 80, TargetKind.HTTPS: 443}
"""The port of a kind where the URL names none. `tcp` has no such port, `icmp` no ports at all."""

_URL = re.compile(r"([a-z]+)://(\[[^\]/]*\]|[^\[\]:/]*)(:[^/]*)?(/.*)?")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&()*+,;=:@%/?-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTarget:
    """One target. `port` is 0 for ICMP; `path` is "" but for HTTP and HTTPS."""

    kind: TargetKind
    host: str
    port: int = 0
    path: str = ""

    @property
    def address(self) -> IpAddress | None:
        """The host as an address, None where it is a name that must be looked up."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    def __str__(self) -> str:
        """The URL, without what is understood."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port != DEFAULT_TARGET_PORTS.get(self.kind, 0) else ""
        return f"{self.kind}://{host}{port}{self.path}"


def parse_target(text: str) -> ProbeTarget:
    """The target that a URL names. Raises ValueError with the reason."""
    match = _URL.fullmatch(text)
    if match is None:
        raise InvalidValueError("is not the URL of a target")
    scheme = match[1]
    if scheme not in set(TargetKind):
        raise InvalidValueError(
            phrase('starts with "{scheme}", which is no kind of probe', scheme=scheme)
        )
    kind = TargetKind(scheme)
    return ProbeTarget(
        kind=kind,
        host=_target_host(match[2], kind),
        port=_target_port(match[3] or "", kind),
        path=_target_path(match[4] or "", kind),
    )


def _target_host(text: str, kind: TargetKind) -> str:
    """An address; a name only where the question itself needs one.

    A name in an `icmp` or `dns` target would need the resolver that the probe is to test.
    """
    bare = text.strip("[]")
    if re.fullmatch(r"[0-9.]+", bare) or text.startswith("["):
        return str(parse_host(bare))
    if kind in (TargetKind.ICMP, TargetKind.DNS):
        raise InvalidValueError(
            phrase("needs an address, for {kind} targets must work without a resolver", kind=kind)
        )
    if len(bare) > 253 or _HOST_NAME.fullmatch(bare) is None:
        raise InvalidValueError("names no host")
    return bare.lower()


def _target_port(text: str, kind: TargetKind) -> int:
    if kind is TargetKind.ICMP:
        if text:
            raise InvalidValueError("has a port, and ICMP knows none")
        return 0
    if text:
        return parse_port(text[1:])
    if kind not in DEFAULT_TARGET_PORTS:
        raise InvalidValueError("lacks its port")
    return DEFAULT_TARGET_PORTS[kind]


def _target_path(text: str, kind: TargetKind) -> str:
    """The path with its query; "/" where an HTTP target names none."""
    if kind in (TargetKind.HTTP, TargetKind.HTTPS):
        if text and _PATH.fullmatch(text) is None:
            raise InvalidValueError("has characters in its path that a URL cannot hold")
        return text or "/"
    if text not in ("", "/"):
        raise InvalidValueError(phrase("has a path, and {kind} knows none", kind=kind))
    return ""
