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
from lbrouter.model.messages.phrase import as_phrase, phrase
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
            phrase("IPv6 is switched off on {where} ({said}).", where=where, said=said),
            remedy=phrase(
                "Set net.ipv6.conf.{where}.disable_ipv6 = 0, or drop the IPv6 address of"
                " {where} from the configuration.",
                where=where,
            ),
        )
    if number in (errno.EPERM, errno.EACCES, errno.EROFS):
        return NotPermittedError(
            phrase(
                "Not permitted: {command} ({said}).",
                command=command_line(operation),
                said=said,
            ),
            remedy=RUN_AS_ROOT_REMEDY,
        )
    if number in UNSUPPORTED_ERRNOS:
        lack = phrase(
            "{lack} ({said}: {command}).",
            lack=as_phrase(missing_feature(noun)),
            said=said,
            command=command_line(operation),
        )
        return UnavailableError(lack, remedy=_missing_feature_remedy(noun))
    return NotAppliedError(
        phrase(
            "The kernel refused `{command}`: {said}.",
            command=command_line(operation),
            said=said,
        )
    )


def missing_feature(noun: ManagedObject) -> str:
    """The kernel feature that `noun` needs, as a sentence without its full stop."""
    match noun:
        case Device(kind=DeviceKind.VLAN):
            return phrase("This kernel has no 802.1Q VLANs (module 8021q)")
        case Device():
            return phrase(
                "This kernel has no {name} devices (module {kind})",
                name=noun.kind.upper(),
                kind=noun.kind,
            )
        case Qdisc():
            return phrase(
                "This kernel has no queueing discipline {kind} (module sch_{kind})", kind=noun.kind
            )
        case Sysctl():
            return phrase("This kernel has no setting {path}", path=noun.path)
        case _ if _is_ipv6(noun):
            return phrase("This kernel has no IPv6, or it was started with ipv6.disable=1")
        case _:
            return phrase("This kernel lacks what it needs")


def _missing_feature_remedy(noun: ManagedObject) -> str:
    match noun:
        case Device(kind=DeviceKind.VLAN):
            return phrase(
                "Load it (modprobe 8021q), run a kernel that has it, or give {vlan} a port of"
                " its own (port = ...) instead of a tag (id).",
                vlan=noun.why or noun.name,
            )
        case Device() | Qdisc():
            return phrase("Load the module, or run a kernel that has it (Debian's has).")
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
