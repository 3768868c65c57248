"""What the kernel's errno means for an operation, in a sentence and with a remedy."""

import errno
import os
from typing import Final

from lbrouter.compile.state.commands import words
from lbrouter.model.errors import (
    LbrouterError,
    NotAppliedError,
    NotPermittedError,
    UnavailableError,
)
from lbrouter.model.kernel_state import (
    Address,
    Device,
    DeviceKind,
    Noun,
    Qdisc,
    Route,
    Rule,
    Sysctl,
)
from lbrouter.model.plan import Operation

ABSENT: Final = frozenset({errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT})

ROOT: Final = "Run it as root, or with CAP_NET_ADMIN in this network namespace."


def refusal(operation: Operation, number: int, detail: str = "") -> LbrouterError:
    """The error for `operation`, refused with errno `number`; `detail` is the kernel's own text."""
    noun = operation.noun
    said = detail or os.strerror(number)
    if number == errno.EACCES and _is_version_6(noun):
        return _ipv6_off(noun, said)
    if number in (errno.EPERM, errno.EACCES, errno.EROFS):
        return NotPermittedError(f"Not permitted: {words(operation)} ({said}).", remedy=ROOT)
    if number in ABSENT:
        lack = f"{lacking(noun)} ({said}: {words(operation)})."
        return UnavailableError(lack, remedy=_instead(noun))
    return NotAppliedError(f"The kernel refused `{words(operation)}`: {said}.")


def lacking(noun: Noun) -> str:
    """The kernel feature that `noun` needs, as a sentence without its full stop."""
    match noun:
        case Device(kind=DeviceKind.VLAN):
            return "This kernel has no 802.1Q VLANs (module 8021q)"
        case Device():
            return f"This kernel has no {noun.kind.upper()} devices (module {noun.kind})"
        case Qdisc():
            return f"This kernel has no queueing discipline {noun.kind} (module sch_{noun.kind})"
        case Sysctl():
            return f"This kernel has no setting {noun.path}"
        case _ if _is_version_6(noun):
            return "This kernel has no IPv6, or it was started with ipv6.disable=1"
        case _:
            return "This kernel lacks what it needs"


def _instead(noun: Noun) -> str:
    match noun:
        case Device(kind=DeviceKind.VLAN):
            return (
                "Load it (modprobe 8021q), run a kernel that has it, or give"
                f" {noun.why or noun.name} a port of its own (port = ...) instead of a tag (id)."
            )
        case Device() | Qdisc():
            return "Load the module, or run a kernel that has it (Debian's has)."
        case _:
            return ""


def _is_version_6(noun: Noun) -> bool:
    match noun:
        case Address():
            return noun.address.version == 6
        case Route() | Rule():
            return noun.family.version == 6
        case _:
            return False


def _ipv6_off(noun: Noun, said: str) -> LbrouterError:
    """EACCES, not EPERM: so net/ipv6/addrconf.c answers, even root, where disable_ipv6 is set."""
    where = noun.interface if isinstance(noun, Address | Route) and noun.interface else "all"
    return UnavailableError(
        f"IPv6 is switched off on {where} ({said}).",
        remedy=f"Set net.ipv6.conf.{where}.disable_ipv6 = 0, or drop the IPv6 address of {where}"
        " from the configuration.",
    )
