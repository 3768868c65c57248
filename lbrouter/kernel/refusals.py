"""Errors of operations: what the kernel's errno means, in a sentence and with a remedy."""

import errno
import os
from typing import Final

from lbrouter.compile.state.commands import command_line
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
    ManagedObject,
    Qdisc,
    Route,
    Rule,
    Sysctl,
)
from lbrouter.model.plan import Operation

UNSUPPORTED_ERRNOS: Final = frozenset({errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT})

RUN_AS_ROOT_REMEDY: Final = "Run it as root, or with CAP_NET_ADMIN in this network namespace."


def operation_error(operation: Operation, number: int, detail: str = "") -> LbrouterError:
    """The error for `operation`, refused with errno `number`; `detail` is the kernel's own text."""
    noun = operation.managed_object
    said = detail or os.strerror(number)
    if number == errno.EACCES and _is_ipv6(noun):
        # EACCES, not EPERM: so net/ipv6/addrconf.c answers root too where disable_ipv6 is set.
        where = noun.interface if isinstance(noun, Address | Route) and noun.interface else "all"
        return UnavailableError(
            f"IPv6 is switched off on {where} ({said}).",
            remedy=f"Set net.ipv6.conf.{where}.disable_ipv6 = 0, or drop the IPv6 address of"
            f" {where} from the configuration.",
        )
    if number in (errno.EPERM, errno.EACCES, errno.EROFS):
        return NotPermittedError(
            f"Not permitted: {command_line(operation)} ({said}).", remedy=RUN_AS_ROOT_REMEDY
        )
    if number in UNSUPPORTED_ERRNOS:
        lack = f"{missing_feature(noun)} ({said}: {command_line(operation)})."
        return UnavailableError(lack, remedy=_missing_feature_remedy(noun))
    return NotAppliedError(f"The kernel refused `{command_line(operation)}`: {said}.")


def missing_feature(noun: ManagedObject) -> str:
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
        case _ if _is_ipv6(noun):
            return "This kernel has no IPv6, or it was started with ipv6.disable=1"
        case _:
            return "This kernel lacks what it needs"


def _missing_feature_remedy(noun: ManagedObject) -> str:
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


def _is_ipv6(noun: ManagedObject) -> bool:
    match noun:
        case Address():
            return noun.address.version == 6
        case Route() | Rule():
            return noun.family.version == 6
        case _:
            return False
